// Reads simulations from stdin (JSON), writes what IAM would say to each: Allowed, ExplicitlyDenied,
// ImplicitlyDenied, or what is wrong with the question.

import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const answers = []
for (const simulation of JSON.parse(readFileSync(0, 'utf8'))) {
  const { resultType, overallResult, errors, ...rest } = await runSimulation(simulation, {})
  answers.push(errors ? JSON.stringify(errors) : overallResult ?? JSON.stringify(rest))
}
process.stdout.write(JSON.stringify(answers))
