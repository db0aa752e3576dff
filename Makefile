# Everything here sets itself up: `make test` and `make demo` need Python >= 3.11, make and git, nothing else.
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
SHELL := /bin/sh

# A Python that is new enough; PYTHON=... overrides. Empty when there is none: tools/python then says why.
python = $$(tools/python)
run := .venv/run/bin
dev := .venv/dev/bin
export HODEI_ROOT := $(CURDIR)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.venv/collections
export PYTHONPATH := $(CURDIR)/.venv/collections
export ANSIBLE_NOCOLOR ?= 1
# Without bytecode every ansible-playbook compiles Ansible anew: half a second of CPU, a thousand times in `make test`.
unexport PYTHONDONTWRITEBYTECODE
JOBS ?= 2
gate = @PATH="$(CURDIR)/$(dev):$$PATH" $(dev)/python tools/gate.py $@

.PHONY: help
help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## */\t/' | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

# ---- environments -----------------------------------------------------------------------------------------------

.PHONY: venv run-venv link
venv: link  ## the environment of the tests and gates (.venv/dev)
	@python=$(python) && "$$python" tools/make_venv.py requirements/dev.lock .venv/dev

run-venv: link
	@python=$(python) && "$$python" tools/make_venv.py requirements/run.lock .venv/run

link:
	@tools/link

.PHONY: clean
clean:  ## remove what make built here (not the shared cache)
	@rm -rf .venv .cache .ansible

.PHONY: lock
lock:  ## resolve requirements/*.in anew into the hash-locked files
	@python=$(python) && "$$python" tools/make_venv.py requirements/lock-tool.lock .venv/lock-tool
	@.venv/lock-tool/bin/python tools/lock.py

# ---- what people run --------------------------------------------------------------------------------------------

.PHONY: demo test soak bench
demo: run-venv  ## the demonstration (PROVIDER=process or docker; IMAGE=... of the containers)
	@PATH="$(CURDIR)/$(run):$$PATH" $(run)/python examples/demo/demo.py $(if $(PROVIDER),--provider $(PROVIDER)) $(if $(IMAGE),--image $(IMAGE))

test: venv  ## every gate, every test, the coverage floor and the final checks
	@$(dev)/python tools/suites.py $(SUITES)

soak: venv  ## the fault suites as long storms, and all variants of the integration tests
	@HODEI_SOAK=1 $(dev)/python tools/suites.py --no-lint integration faults

bench: venv  ## measure against the targets, and beside what else there is
	@python=$(python) && "$$python" tools/make_venv.py requirements/peers.lock .venv/peers
	@PATH="$(CURDIR)/$(dev):$$PATH" $(dev)/python tests/bench/run.py $(BENCH)

.PHONY: generate
generate: venv  ## write the files that are made from code: schemas, argument specs, reference pages
	@$(dev)/python tools/generate.py

.PHONY: molecule
molecule: venv  ## the scenarios of molecule/
	$(gate) molecule test --all

# ---- gates: each alone by its name, all of them by `make lint` --------------------------------------------------
# The slow ones come first, so that the others fill the gaps.

GATES := sanity ansible-lint mypy user-2.19 user-2.17 user-2.18 docs-lint ruff ruff-format arrows \
         changelog-lint yaml-lint reuse generate-check

.PHONY: lint lint-gates format build $(GATES)
lint: venv  ## every gate, two at a time
	@$(MAKE) --keep-going --jobs=$(JOBS) lint-gates

lint-gates: $(GATES)

$(GATES): venv

format: venv  ## let ruff put the code into shape
	@$(dev)/ruff check --quiet --fix . ; $(dev)/ruff format --quiet .

ruff:  ## rules of Python code
	$(gate) ruff check --quiet --output-format=concise .

ruff-format:  ## layout of Python code
	$(gate) ruff format --quiet --diff .

mypy:  ## types: strict in every room but ansible and compose
	$(gate) python tools/typing_gate.py

arrows:  ## who may import whom
	$(gate) python tools/arrows.py

ansible-lint:  ## profile production, nothing skipped
	$(gate) ansible-lint --offline --strict --nocolor -q

sanity:  ## ansible-test sanity with empty ignore files
	$(gate) python tools/sanity.py

changelog-lint:  ## changelog fragments
	$(gate) antsibull-changelog lint

docs-lint:  ## plugin documentation, as the documentation site would read it
	$(gate) antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .

yaml-lint:  ## YAML files
	$(gate) yamllint --strict .

reuse:  ## a licence for every file
	$(gate) reuse lint --quiet

generate-check:  ## generated files are up to date
	$(gate) sh -c 'test ! -e tools/generate.py || python tools/generate.py --check'

build: venv  ## the collection's tarball, in .cache/dist
	@$(dev)/python tools/build.py

user-2.17 user-2.18 user-2.19: build  ## install the tarball with a user's own Ansible and run examples/smoke
	$(gate) sh -c 'python tests/integration/user_install/run.py $(@:user-%=%) .cache/dist/*.tar.gz'
