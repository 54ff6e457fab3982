# What is done often, by name: `just` lists it.

# list the recipes
default:
    @just --list

# build the program
build:
    cargo build --release

# serve ./data on port 5000
run config="config.yml":
    cargo run --release -- serve {{config}}

# run the tests, or some of them
test *names:
    cargo test {{names}}

# format, lint and test: before every commit
check:
    cargo fmt
    cargo clippy --all-targets -- -D warnings
    cargo test

# everything, with the outside judges
ci:
    bash .ci/run

# run one judge with the release build
judge name *words: build
    REGISTRY_PROGRAM=$PWD/target/release/registry bash tests/judges/{{name}}.sh {{words}}

# write the tables of docs/ that come from the source
docs:
    REGISTRY_WRITE_DOCS=1 cargo test --test integration documents

# measure, next to other registries
bench:
    bash scripts/bench.sh

# build registry.exe on Linux
windows:
    bash scripts/build-windows.sh

# build the image for Linux
image:
    bash scripts/build.sh
