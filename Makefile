# Every target uses the environment that `make setup` makes in .venv.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
VSIX := dist/sparrow.vsix
SERVER_SOURCES := $(shell find inference lsp_server -type f -not -name '*.pyc')
EXTENSION_SOURCES := $(shell find extension -type f \
	-not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/server/*')

.PHONY: help setup demo test check lint format vsix lock wren clean

help:
	@echo 'make demo            see Sparrow complete code in the terminal'
	@echo 'make demo BROWSER=1  the same in a real editor, in the browser'
	@echo 'make test            run every test, the real editor included'
	@echo 'make check           format, lint, types and fast tests'
	@echo 'make lint            the same without the tests'
	@echo 'make vsix            pack the extension into $(VSIX)'
	@echo 'make format          format all sources'
	@echo 'make lock            renew the pinned development requirements'
	@echo 'make wren            train the embedded model; see inference/wren/README.md'

setup: $(BIN)/.ready

$(BIN)/.ready: requirements-dev.lock pyproject.toml
	@test -n '$(PYTHON)' || { echo 'Sparrow needs Python 3.11, 3.12 or 3.13 with venv' \
		'(Debian: apt install python3-venv), and none was found.' >&2; exit 1; }
	@echo 'setting up .venv with $(PYTHON)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
ifdef BROWSER
	@$(MAKE) --no-print-directory vsix
	@$(BIN)/python -m tests.e2e.open_editor --vsix $(VSIX)
else
	@$(BIN)/sparrow demo
endif

check: lint
	$(BIN)/pytest tests/unit tests/test_*.py
	cd extension && npm run --silent test

lint: setup extension/node_modules/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	cd extension && npm run --silent check

test: setup vsix .venv-vllm/.ready
	cd extension && npm run --silent test
	tests/install-debian-packages
	$(BIN)/pytest -rR --ignore tests/with_vllm
	.venv-vllm/bin/python -m pytest tests/with_vllm

.venv-vllm/.ready: requirements-vllm.lock pyproject.toml
	@echo 'setting up .venv-vllm with vLLM for the CPU'
	@tests/with_vllm/make-environment $(PYTHON)

format: setup extension/node_modules/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .
	cd extension && npx prettier --write --log-level warn .

vsix: $(VSIX)

$(VSIX): $(SERVER_SOURCES) $(EXTENSION_SOURCES) pyproject.toml | setup extension/node_modules/.ready
	@rm -rf extension/server && mkdir -p extension/server dist
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --wheel-dir extension/server .
	cd extension && npm run --silent build && npm run --silent package -- ../$(VSIX)

extension/node_modules/.ready: extension/package-lock.json
	cd extension && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

lock: setup
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header -o requirements-dev.lock

# The folder of the run holds all that it makes, and `clones/owner/name` before it starts. Made again
# it goes on: each step that has its file is passed over, and the training resumes.
WREN_RUN ?= wren-run
WREN_MINUTES ?= 90
WREN_EXCLUDE ?=
WREN_ROWS ?= --rows 512x24000 --rows 1024x4000 --rows 2048x1500
WREN_MANIFEST ?= inference/wren/repositories.json
WREN_PYTHON ?= $(BIN)/python
WREN := $(WREN_PYTHON) -m inference.wren

wren: setup
	@$(WREN_PYTHON) -c 'import torch, onnx, safetensors' || { echo \
		'Training wren needs more: .venv/bin/pip install -e ".[wren-training]"' >&2; exit 1; }
	test -e $(WREN_RUN)/corpus.jsonl || $(WREN) corpus --manifest $(WREN_MANIFEST) \
		--clones $(WREN_RUN)/clones \
		$(foreach folder,$(WREN_EXCLUDE),--exclude $(folder)) --out $(WREN_RUN)/corpus.jsonl
	test -e $(WREN_RUN)/tokenizer || $(WREN) tokenizer --corpus $(WREN_RUN)/corpus.jsonl \
		--out $(WREN_RUN)/tokenizer
	test -e $(WREN_RUN)/rows/held-out-512.npy || $(WREN) data --corpus $(WREN_RUN)/corpus.jsonl \
		--tokenizer $(WREN_RUN)/tokenizer --out $(WREN_RUN)/rows $(WREN_ROWS)
	$(WREN) train --data $(WREN_RUN)/rows --out $(WREN_RUN)/training --minutes $(WREN_MINUTES)
	$(WREN) export --run $(WREN_RUN)/training/last.pt --tokenizer $(WREN_RUN)/tokenizer \
		--out $(WREN_RUN)/exported
	$(WREN) evaluate --exported $(WREN_RUN)/exported --data $(WREN_RUN)/rows

clean:
	rm -rf .venv .venv-vllm dist extension/node_modules extension/dist extension/server
