# What the scripts share: sourced, not run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${SLIPWAY_CACHE:-$HOME/.cache/slipway}
# The toolchain of rust-toolchain.toml is installed by scripts/setup; nothing else may download one behind the user's back.
export RUSTUP_AUTO_INSTALL=0
target=${CARGO_TARGET_DIR:-$root/target}
cd "$root"

script=${0##*/}
step=start
# say WORDS..: names the step that begins; the ERR trap below names it again if it fails.
say() {
    step=$*
    printf '%s: %s\n' "$script" "$step"
}
die() {
    printf '%s: %s\n' "$script" "$*" >&2
    exit 1
}
# boards: the names of the boards.
boards() {
    local file
    for file in board-configs/*/board.toml; do
        file=${file%/board.toml}
        printf '%s ' "${file##*/}"
    done
}
# board_facts BOARD: what scripts need of board.toml, as assignments for the shell: tree=, the path of the device tree that is built in;
# load=, the address that the image is loaded to. Empty if there is none.
board_facts() {
    cargo run --quiet --locked --package board-schema -- "board-configs/$1" "$cache/guests/dtbs"
}
set -E
trap 'printf "%s: failed in step: %s\n" "$script" "$step" >&2' ERR
