# One image for both jobs on ECS: `prefect flow-run execute` (a run) and `prefect worker start`.
# `make image` builds it, `make image-test` runs it, docs/image.md says why it is as it is.

# A tag and no digest, for a digest can only be read from a registry, and where this repository is made
# none is reached. What stands in for it: CI builds each push, and main each week anew, with --pull, so
# that security updates of Debian and Python arrive by themselves; the provenance that CI attaches names
# the digest that was built on; the built image is pinned by its own immutable tag. To pin the base too,
# write after the tag the @sha256:… that this prints, and Dependabot keeps both current:
#   docker buildx imagetools inspect python:3.12-slim-bookworm --format '{{.Manifest.Digest}}'
FROM python:3.12-slim-bookworm AS base
ENV PATH=/app/.venv/bin:$PATH
WORKDIR /app


FROM base AS packages
COPY requirements/run.txt ./
# The lock is complete: nothing is resolved, nothing is built from source, every hash is checked.
# The venv never holds pip: the base's pip installs into it from outside.
RUN --mount=type=cache,target=/var/cache/pip \
    python -m venv --without-pip .venv \
    && /usr/local/bin/python -m pip --python .venv/bin/python --cache-dir /var/cache/pip \
        install --no-compile --no-deps --only-binary :all: --require-hashes --requirement run.txt \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash .venv


FROM base AS code
COPY blsquest blsquest
COPY flows flows
COPY blocks blocks
COPY deployments/__init__.py deployments/
COPY deployments/image/*.py deployments/image/
# Whatever umask the checkout had: readable by all, writable by root alone.
RUN chmod -R u=rwX,go=rX . \
    && python -m compileall -q --invalidation-mode unchecked-hash .


FROM base AS final
# A run installs nothing, so nothing that installs is here: neither pip nor its bundled copy.
# The standard library comes without bytecode: 7 MB of it spare each start 0.2 to 0.8 s.
RUN library="$(python -c 'import os; print(os.path.dirname(os.__file__))')" \
    && python -m pip uninstall --yes --quiet --root-user-action ignore pip \
    && rm -r "$library/ensurepip" \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash "$library" \
    && groupadd --gid 10001 quest \
    && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin quest

COPY --from=packages /app/.venv .venv
COPY --from=code /app ./

ENV HOME=/home/quest \
    PREFECT_HOME=/home/quest/.prefect \
    TMPDIR=/tmp \
    # The pull step sets the working directory, this the import path: flows.mirror is found by both.
    PYTHONPATH=/app \
    # Everything is compiled, and /app can't be written.
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    # Many threads, each with an arena of its own, took half as much memory again.
    MALLOC_ARENA_MAX=2 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    DO_NOT_TRACK=1 \
    # The dashboard's files would be rewritten inside the venv; it is served elsewhere.
    PREFECT_SERVER_UI_ENABLED=false \
    # The worker's health is asked for from inside alone: no port is opened to the network.
    PREFECT_WORKER_WEBSERVER_HOST=127.0.0.1 \
    # Without it SIGTERM ends the run's supervisor at once (or, as process 1, never), and the run
    # is killed with it: with it the run unwinds, and runs again on another task.
    PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR=reschedule

USER 10001:10001

# What a run writes: Prefect's own files, and the spool. Declared, so that with a read-only root
# file system Docker, and Fargate's bind mounts too, give them to the user (and not to root).
VOLUME ["/home/quest", "/tmp"]

# The default, and what ECS sends. A run is three processes: an init should reap what they leave
# (`docker run --init`, ECS initProcessEnabled).
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "deployments.image.health"]

# No ENTRYPOINT: ECS gives the whole command.
CMD ["python", "-m", "flows", "--help"]

# Last, so that a new commit makes no other layer anew.
ARG IMAGE_VERSION=0
ARG IMAGE_REVISION=unknown
ARG IMAGE_SOURCE=
LABEL org.opencontainers.image.title="BLS Data Quest" \
    org.opencontainers.image.description="Prefect flows that mirror BLS time series and the US population, and their worker" \
    org.opencontainers.image.version="${IMAGE_VERSION}" \
    org.opencontainers.image.revision="${IMAGE_REVISION}" \
    org.opencontainers.image.source="${IMAGE_SOURCE}" \
    org.opencontainers.image.base.name="python:3.12-slim-bookworm"
