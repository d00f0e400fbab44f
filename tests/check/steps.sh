# shellcheck shell=bash
# What the parts of ./check are made of: builds, runs of tests, steps that are told and counted.

results=$PWD/build-check-results # JUnit files of this run, and tables to print at its end
failures=() passes=() took=()    # steps that failed, steps that count by themselves, a line for each part
python=/usr/bin/python3
jobs=${CHECK_JOBS:-$(nproc)}

say() { printf '\n== %s\n' "$*"; }

# phase NAME COMMAND...: a step that counts only when it fails
phase() {
    local name=$1
    shift
    say "$name"
    if ! "$@"; then
        echo "FAILED: $name"
        failures+=("$name")
        return 1
    fi
}

# counted NAME COMMAND...: a step that writes no results of its own and counts as one
counted() { phase "$@" && passes+=("$1"); }

# configure FOLDER OPTIONS...: a new build folder, or the one that is there with these options
configure() {
    local folder=$1
    shift
    if [ -f "$folder/build.ninja" ]; then
        meson configure "$folder" "$@" >/dev/null
    else
        rm -rf "$folder"
        meson setup "$folder" "$@" | tail -n 40
    fi
}

with_clang() { CC=clang CXX=clang++ "$@"; }

build() {
    configure "$@" && ninja -C "$1" -j "$jobs" --quiet
}

# tests NAME FOLDER ARGUMENTS...: a meson run whose results are kept under a name. Its deadlines are for
# a busy machine: what hangs is found out a little later.
tests() {
    local name=$1 folder=$2
    shift 2
    rm -f "$folder"/meson-logs/testlog*.junit.xml
    meson test -C "$folder" --no-rebuild --print-errorlogs --num-processes "$jobs" --timeout-multiplier 4 "$@" || true
    cp "$folder"/meson-logs/testlog*.junit.xml "$results/$name.xml" # --wrap adds the wrapper's name
}

# pytests NAME FOLDER ARGUMENTS...: the integration suite against the programs of a build.
# Two files at a time: a gateway waits more than it works. CHECK_TESTS picks tests by pytest's -k.
pytests() {
    local name=$1 folder=$2
    shift 2
    SLUICE_BUILD=$PWD/$folder "$python" -m pytest -q -rs -p no:cacheprovider --tb=short -n 2 --dist loadfile --durations=5 \
        --junitxml="$results/$name.xml" ${CHECK_TESTS:+-k "$CHECK_TESTS"} "$@" tests/integration || true
    [ -f "$results/$name.xml" ]
}

# each_file TOOL FOLDER: a tool over every C file that changed since it was found clean; each file
# counts as a test
each_file() {
    "$python" tests/check/each_file.py "$1" --build "$2" --known "build-check-known/$1" \
        --jobs "$jobs" --junit "$results/$1.xml" || true
    [ -f "$results/$1.xml" ]
}

# tests_since FILE: whether none failed of those whose results were written after it
tests_since() {
    local newer
    mapfile -t newer < <(find "$results" -name '*.xml' -newer "$1")
    [ "${#newer[@]}" -eq 0 ] || "$python" tests/check/sum_results.py "${newer[@]}" >/dev/null
}

# run_part NAME NUMBER TOTAL: what it is, how far we are, and how long it took
run_part() {
    local row name _ minutes what before=$SECONDS bad=${#failures[@]} outcome
    # shellcheck disable=SC2154  # parts: of parts.sh
    for row in "${parts[@]}"; do
        IFS='|' read -r name _ minutes what <<<"$row"
        if [ "$name" = "$1" ]; then break; fi
    done
    say "part $2 of $3, $name: $what (usually $minutes min)"
    touch "$results/.begun"
    "part_$name" || true
    outcome='good'
    if [ "${#failures[@]}" -gt "$bad" ] || ! tests_since "$results/.begun"; then outcome=FAILED; fi
    took+=("$(printf '%-12s %-7s %3d:%02d min' "$name" "$outcome" $(((SECONDS - before) / 60)) $(((SECONDS - before) % 60)))")
}

sum_up() {
    local table
    shopt -s nullglob
    for table in "$results"/*.txt; do
        say "$(basename "$table" .txt)"
        cat "$table"
    done
    say "results"
    printf '%s\n' "${took[@]}"
    "$python" tests/check/sum_results.py "${failures[@]/#/--failed=}" "${passes[@]/#/--passed=}" "$results"/*.xml
}
