"""docs/ecs.md and the settings of `apply` name what there is: variables, outputs, resources."""

import re
from pathlib import Path

from deployments.settings import NOT_OF_TERRAFORM, Settings
from tests.infra.terraform import MODULE

PAGE = (Path(__file__).parents[2] / "docs" / "ecs.md").read_text()
FILES = "\n".join(path.read_text() for path in sorted(MODULE.glob("*.tf")))
OUTPUTS = set(re.findall(r'^output "(\w+)"', FILES, re.MULTILINE))
VARIABLES = dict(re.findall(r'^variable "(\w+)" \{(.*?)^\}', FILES, re.MULTILINE | re.DOTALL))


def test_the_variables_to_write_hold_all_that_are_required_and_none_that_is_not_there() -> None:
    block = re.search(r"```hcl\n(.*?)```", PAGE, re.DOTALL)
    assert block
    written = set(re.findall(r"^(\w+) +=", block[1], re.MULTILINE))
    required = {name for name, body in VARIABLES.items() if "\n  default " not in body}
    assert required <= written <= VARIABLES.keys()


def test_every_option_is_a_variable() -> None:
    table = re.search(r"## Options\n(.*?)\n## ", PAGE, re.DOTALL)
    assert table
    rows = [line.split("|")[1] for line in table[1].splitlines() if line.startswith("| `")]
    options = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert options
    assert options <= VARIABLES.keys()


def test_every_output_that_a_command_reads_is_one() -> None:
    asked = set(re.findall(r"tf output -raw (\w+)", PAGE))
    assert asked
    assert asked <= OUTPUTS


def test_the_outputs_are_the_settings_that_terraform_makes() -> None:
    assert Settings.model_fields.keys() - NOT_OF_TERRAFORM == OUTPUTS


def test_every_alarm_is_documented() -> None:
    alarms = re.findall(r'alarm_name += "\$\{var\.name\}(-[\w-]+)"', FILES)
    assert alarms
    assert [alarm for alarm in alarms if f"`bls-data-quest{alarm}`" not in PAGE] == []
