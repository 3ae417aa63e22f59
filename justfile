# Every task of the project. `./justw TASK` fetches just itself on a fresh machine.

set shell := ["bash", "-euo", "pipefail", "-c"]

# One profile for everything, so that wasmtime is compiled once.
cargo_flags := "--release --workspace --locked"
wasm := "wasm32-wasip2"

# List the tasks.
default:
    @just --list --unsorted

# Add what a fresh Rust installation lacks: the WebAssembly target.
setup:
    @rustup target list --installed | grep -qx {{wasm}} || rustup target add {{wasm}}

# Build the host: `target/release/manes` and `target/release/manes-verify`.
build:
    cargo build {{cargo_flags}}

# Build the agents and capabilities as components.
guests: setup
    cd guests && cargo build --release --locked --target {{wasm}}

# Build the components that only the tests use, too.
fixtures: setup
    cd guests && cargo build --release --locked --workspace --target {{wasm}}

# Ask a question about a CSV file: `./justw demo`, or `./justw demo "QUESTION" FILE.csv`.
[positional-arguments]
demo *ARGS: build guests
    python3 examples/csv-analysis/demo.py "$@"

# Everything that must hold: unit, property, integration and second-verifier tests.
test: build fixtures test-guests test-verifier
    cargo test {{cargo_flags}}

# The guests' own logic, natively.
test-guests:
    cd guests && cargo test --release --locked --workspace

# The second verifier's own tests.
test-verifier:
    cd tests/verifier && python3 -m unittest --quiet

# Build the Python component that the tests run, with componentize-py in an environment of its own.
setup-languages:
    mkdir -p target/languages
    python3 -m venv target/languages/venv
    target/languages/venv/bin/pip install --quiet componentize-py==0.25.1
    target/languages/venv/bin/componentize-py -d wit/agent.wit -w agent componentize -p tests/languages/python app -o target/languages/python.wasm

# The documentation: pages made of the code, every link checked, all of it as HTML in target/docs.
docs: build
    target/release/manes reference docs
    target/release/docs

# Formatting and lints.
lint:
    cargo fmt --all --check
    cargo clippy {{cargo_flags}} --all-targets -- --deny warnings
    cd guests && cargo fmt --all --check && cargo clippy --release --locked --workspace --all-targets -- --deny warnings

# Long tests: a 100 MB file, more seeds, more kills.
soak: build fixtures
    MANES_SOAK=1 cargo test {{cargo_flags}} --test all -- --nocapture soak a_host_killed
    MANES_SOAK=1 cargo test {{cargo_flags}} --test sim
