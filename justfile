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

# run all tests with many threads, half of the times while everything is stopped and goes on at random moments
disturbed runs="20":
    DISTURBED_RUNS={{runs}} bash tests/judges/disturbed.sh

# format, lint and test: before every commit
check:
    cargo fmt
    cargo clippy --all-targets -- -D warnings
    cargo test

# change what the working tree changes since a commit, one place at a time: each change should fail a test
mutants since="main":
    git diff {{since}} > target/since.diff
    cargo mutants --in-diff target/since.diff

# the same for a sample of everything, one place in so many, beginning with the first, the second...
mutants-sample of="30" first="0":
    cargo mutants --sharding round-robin --shard {{first}}/{{of}}

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
    scripts/bench

# build registry.exe on Linux
windows:
    bash scripts/build-windows.sh

# build the image for Linux
image:
    bash scripts/build.sh
