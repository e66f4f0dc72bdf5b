# Every target is an `opsbook` command on one company's folder: make weekly DATA=data/<company>
DATA     ?= data/demo
PERIOD   ?=
ROLE     ?= lead
KIND     ?= cron
RENDERER ?= auto
PYTHON   ?= python3
COMPANY  ?=
WORKFLOW ?=
CANDIDATE ?=
TO       ?=
SIZES    ?= 1 10
PY       := .venv/bin/python
OPSBOOK  := $(PY) -m opsbook
UV       := $(shell command -v uv 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help init doctor weekly monthly quarterly sign-off site publish serve lab explore check regression findings test lint bench schedule demo clean-notebooks lock clean

help: ## List these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

init: .venv/.ready ## Make a folder for your company, by questions (COMPANY=name).
	@$(OPSBOOK) init "$(or $(COMPANY),$(error Name it: make init COMPANY=acme))"

doctor: .venv/.ready ## Say what is missing or wrong, each with what to do about it.
	@$(OPSBOOK) doctor --data $(DATA)

weekly: .venv/.ready ## Read the inbox, run the notebooks, render the weekly review into _site and say where it is.
	@$(OPSBOOK) review weekly --data $(DATA) --renderer $(RENDERER) $(if $(PERIOD),--period $(PERIOD))

monthly: .venv/.ready ## The same with the monthly review (PERIOD=2026-10), and a frozen copy of the site.
	@$(OPSBOOK) review monthly --data $(DATA) --renderer $(RENDERER) $(if $(PERIOD),--period $(PERIOD))

quarterly: .venv/.ready ## The same with the quarterly review (PERIOD=2026-Q3).
	@$(OPSBOOK) review quarterly --data $(DATA) --renderer $(RENDERER) $(if $(PERIOD),--period $(PERIOD))

sign-off: .venv/.ready ## Sign the review of a period as it was shown (PERIOD=2026-W47 ROLE=lead).
	@$(OPSBOOK) sign-off "$(or $(PERIOD),$(error Name it: make sign-off PERIOD=2026-W47))" --as $(ROLE) --data $(DATA)

site: .venv/.ready ## Render the site again from the reports as they are (RENDERER=quarto or embedded).
	@$(OPSBOOK) site --data $(DATA) --renderer $(RENDERER)

publish: .venv/.ready ## Put the site and all frozen months into a folder that others see (TO=folder).
	@$(OPSBOOK) publish "$(or $(TO),$(error Name the folder: make publish TO=/srv/www/opsbook))" --data $(DATA)

serve: .venv/.ready ## Serve _site on this machine only, for a look over http.
	@$(OPSBOOK) serve

lab: .venv/.ready-dev ## Open the notebooks in JupyterLab, on this machine only.
	@$(PY) -c "from opsbook import site; site.bundle()"
	@$(PY) -m jupyterlab notebooks/weekly-review.ipynb

explore: .venv/.ready-dev ## Open the explorer in JupyterLab: select a stretch of a metric, see its calls, label it.
	@$(OPSBOOK) ingest --data $(DATA) || test $$? -eq 1
	@$(PY) -m jupyterlab notebooks/explore.ipynb

check: .venv/.ready ## Take the inbox in, judge, keep the register and tell whoever must know; quiet otherwise.
	@$(OPSBOOK) check --data $(DATA)

schedule: .venv/.ready ## Print the lines that run the check every hour (KIND=cron, systemd, windows, github or gitlab).
	@$(OPSBOOK) schedule --kind $(KIND) --data $(DATA)

regression: .venv/.ready ## Ask a model the list of a workflow (WORKFLOW=id CANDIDATE=model), or look all lists over.
	@$(if $(CANDIDATE),$(OPSBOOK) regression run $(WORKFLOW) --model $(CANDIDATE) --data $(DATA),$(OPSBOOK) regression status --data $(DATA) || test $$? -eq 1)

findings: .venv/.ready ## Print what the rules found, as a table.
	@$(OPSBOOK) findings --data $(DATA)

test: .venv/.ready-dev ## Run every test, the browser's among them.
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pytest -n 2 --dist loadgroup

lint: .venv/.ready-dev ## Put layout and imports in order.
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: .venv/.ready ## Time the steps that must be quick, then many calls beside other tools (SIZES="1 10 50" million).
	@$(PY) bench/bench.py
	@SIZES="$(SIZES)" $(PY) bench/volume.py

demo: .venv/.ready ## Make the demo company's exports again; the same bytes on every machine.
	@$(PY) data/demo/generate.py

clean-notebooks: .venv/.ready ## Take outputs and counts out of notebooks/*.ipynb.
	@$(OPSBOOK) clean-notebooks

lock: ## Pin every dependency by version and hash (needs uv); the files name no download address.
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.txt
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra dev --extra lab pyproject.toml -o requirements-dev.txt

clean: ## Remove what can be rebuilt: tables, generated pages, the site.
	@rm -rf _site data/*/tables data/*/exports data/*/quarantine .opsbook
	@git clean -qfX reports index.ipynb

# The environment. uv where there is one (seconds), else venv and pip (a minute).
define install
	$(if $(UV),@test -x $(PY) || $(UV) venv -q --python $(PYTHON) .venv,@test -x $(PY) || $(PYTHON) -m venv .venv)
	$(if $(UV),@$(UV) pip install -q --compile-bytecode --python $(PY) --require-hashes -r $(1),@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r $(1))
	$(if $(UV),@$(UV) pip install -q --compile-bytecode --python $(PY) --no-deps -e .,@$(PY) -m pip install -q --disable-pip-version-check --no-deps -e .)
endef

.venv/.ready: requirements.txt pyproject.toml
	@echo "Making the environment in .venv (once)" >&2
	$(call install,requirements.txt)
	@touch $@

.venv/.ready-dev: .venv/.ready requirements-dev.txt
	$(call install,requirements-dev.txt)
	@touch $@
