# Every target does its own set-up (scripts/setup) and leaves nothing to remember.
.DEFAULT_GOAL := build
.PHONY: build help run cluster web check test soak bench

ARGS ?=
CARGO_TARGET_DIR ?= target

build: ## build the page, and the server with it, and say where that is (plain `make` does this)
	@scripts/setup build web
	@scripts/web
	cargo build --release -p plaza-server
	@echo "Plaza is $(CARGO_TARGET_DIR)/release/plaza. Start it: $(CARGO_TARGET_DIR)/release/plaza serve. More: make help"

help: ## say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: ## build the page and the server, and serve on http://127.0.0.1:3000, data in ./data (ARGS="--listen ADDR …")
	@scripts/setup build web
	@scripts/web
	cargo run --release -p plaza-server -- serve $(ARGS)

cluster: ## three nodes behind nginx, on Redis and PostgreSQL with throw-away data; prints where (PORT=8080)
	@scripts/cluster

web: ## build the page into web/dist
	@scripts/web

check: ## format, lints, docs, licences, unused dependencies, the page's types
	@scripts/check

test: ## every test: Rust, the page, the official clients, browsers
	@scripts/test

soak: ## one node and three, 100,000 messages each while everything fails, and 5,000 clients whose node is killed (ARGS=1000000 messages)
	@scripts/soak $(ARGS)

bench: ## measure what a message and a connection cost, side by side with Node.js and others (ARGS="--only F3 --repeats 1")
	@scripts/bench $(ARGS)
