"""An ECS on this machine: AWS's APIs from moto, and tasks that really run.

moto keeps the state of a task and does nothing with it. Here a task's container really runs, and
what happens to it is reported as ECS reports it:

    RunTask     the container starts, in namespaces of its own, with its own environment and the
                image's files at /app
    StopTask    SIGTERM to its first process, SIGKILL after its stopTimeout
    each change an "ECS Task State Change" on EventBridge's default bus, so that rules lead it on
    awslogs     its output goes to the CloudWatch stream where ECS would put it
    task role   its credentials come from an endpoint, as on ECS
    secrets     read from Secrets Manager when it starts
    no image    CannotPullContainerError, TaskFailedToStart
    no capacity RunTask is refused, as often as a test wants it
    DescribeTaskDefinition   with `enableFaultInjection: false`, also where nobody said it
"""
