# Everything that is done with this repository; `make help` lists it.

CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2
TOOLS := $(CURDIR)/target/tools
DENY := $(TOOLS)/bin/cargo-deny

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve on http://127.0.0.1:8484, with data in ./data
	$(CARGO) run --release --quiet -- serve

.PHONY: demo
demo: ## Show traffic, failover and history without a key or a network
	$(CARGO) run --release --quiet -- demo

.PHONY: test
test: ## Run every test: Rust, the dashboard, the admin API against its document, and the fast part of the official SDKs' own (needs python3 and npm)
	$(CARGO) test --quiet
	python3 tests/conformance/admin_api.py --fast --binary target/debug/keywheel
	python3 tests/conformance/python_sdk.py --fast --binary target/debug/keywheel
	python3 tests/conformance/node_sdk.py --binary target/debug/keywheel
	$(MAKE) --no-print-directory e2e

.PHONY: e2e
e2e: tests/e2e/node_modules ## Use the dashboard in a browser (needs npm; finds Chromium, or installs it as root on Debian)
	$(CARGO) build --quiet
	node tests/e2e/run.mjs

.PHONY: screenshots
screenshots: tests/e2e/node_modules ## Take pictures of the dashboard into target/screenshots/
	$(CARGO) build --quiet
	node tests/e2e/screenshots.mjs

.PHONY: pictures
pictures: tests/e2e/node_modules ## Take the pictures of the README anew
	$(CARGO) build --quiet
	node tests/e2e/screenshots.mjs --docs

.PHONY: measure
measure: tests/e2e/node_modules ## Measure the dashboard: weight, first figures, scrolling, and its heap for MINUTES (60)
	$(CARGO) build --quiet
	node tests/e2e/measure.mjs

tests/e2e/node_modules: tests/e2e/package-lock.json
	cd tests/e2e && npm ci --silent --no-audit --no-fund
	@touch $@

.PHONY: conformance
conformance: ## Run the whole test suites of the official SDKs through Keywheel (needs python3 and npm)
	$(CARGO) build --release --quiet
	python3 tests/conformance/python_sdk.py --binary target/release/keywheel
	python3 tests/conformance/node_sdk.py --binary target/release/keywheel

.PHONY: check
check: $(DENY) ## Check format, lints, documentation, licences and sources
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --quiet
	$(DENY) check licenses bans sources
	@if $(DENY) fetch db 2>/dev/null; then $(DENY) check --disable-fetch advisories; \
	else echo "advisories: not checked, the database cannot be reached"; fi

$(DENY): Makefile
	$(CARGO) install --quiet --locked --debug --root $(TOOLS) cargo-deny@$(CARGO_DENY_VERSION)
	@touch $@

.PHONY: bench
bench: ## Measure what BENCHMARKS.md reports (against nginx; root gets it by apt)
	@command -v nginx >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -q -y --no-install-recommends nginx; } \
	|| { echo "nginx is what Keywheel is measured against: install it first (sudo apt-get install nginx)"; exit 1; }
	$(CARGO) build --quiet --profile dist
	$(CARGO) bench --bench hooks
	$(CARGO) bench --bench measure

.PHONY: scripts
scripts: ## Write scripts/README.md anew from the code
	UPDATE_SCRIPTS=1 $(CARGO) test --quiet --test integration the_reference_is

.PHONY: openapi
openapi: ## Write openapi/admin.json anew from the code
	UPDATE_OPENAPI=1 $(CARGO) test --quiet --test integration openapi

.PHONY: vendor
vendor: ## Fetch the dashboard's libraries from npm anew, in the versions of static/vendor/refresh.mjs
	node static/vendor/refresh.mjs
