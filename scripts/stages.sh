# shellcheck shell=bash
# Runs named stages, one headline each, and remembers which failed. Sourced by scripts/check and scripts/test.
#
# A stage that fails does not stop the next: one run should tell everything that is wrong.

# Where scripts/setup keeps the tools that it had to build.
PATH=$PATH:$PWD/target/tools/bin

failed=()
passed=0
started=$SECONDS
declare -A beside_pid=() beside_log=() beside_start=()
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# stage TITLE COMMAND…: runs it with its output shown.
stage() {
    local title=$1 start=$SECONDS status=0
    shift
    headline "$title"
    "$@" || status=$?
    verdict "$title" "$status" $((SECONDS - start))
}

# beside KEY COMMAND…: starts it in the background; its stage comes with `await KEY TITLE`.
beside() {
    local key=$1
    shift
    beside_log[$key]=$scratch/$key.log
    beside_start[$key]=$SECONDS
    (
        status=0
        "$@" || status=$?
        printf '%s\n' $((SECONDS - beside_start[$key])) >"$scratch/$key.seconds"
        exit "$status"
    ) >"${beside_log[$key]}" 2>&1 &
    beside_pid[$key]=$!
}

# await KEY TITLE: the stage of what `beside` started: waits for it, shows what it printed.
await() {
    local status=0 seconds
    headline "$2"
    wait "${beside_pid[$1]}" || status=$?
    cat "${beside_log[$1]}"
    seconds=$(cat "$scratch/$1.seconds" 2>/dev/null || printf '?')
    verdict "$2" "$status" "$seconds"
}

headline() { printf '\n== %s\n' "$1"; }

verdict() {
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
        printf -- '-- %s: ok (%s s)\n' "$1" "$3"
    else
        failed+=("$1")
        printf -- '-- %s: FAILED (%s s)\n' "$1" "$3"
    fi
}

# finish NAME: the closing line, and the exit status of the whole.
finish() {
    local total=$((passed + ${#failed[@]})) names
    if [ ${#failed[@]} -eq 0 ]; then
        printf '\n%s: ok, all %d stages passed in %d s\n' "$1" "$total" $((SECONDS - started))
        return 0
    fi
    names=$(printf ', %s' "${failed[@]}")
    printf '\n%s: FAILED, %d of %d stages (%s) in %d s\n' \
        "$1" "${#failed[@]}" "$total" "${names:2}" $((SECONDS - started))
    return 1
}
