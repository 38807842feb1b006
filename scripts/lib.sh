# What the scripts share: sourced, not run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${SLIPWAY_CACHE:-$HOME/.cache/slipway}
# The toolchain of rust-toolchain.toml is installed by scripts/setup; nothing else may download one behind the user's back.
export RUSTUP_AUTO_INSTALL=0
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
set -E
trap 'printf "%s: failed in step: %s\n" "$script" "$step" >&2' ERR
