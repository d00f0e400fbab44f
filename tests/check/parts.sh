# shellcheck shell=bash disable=SC2154  # python, results, jobs: of steps.sh
# The parts of ./check: name, when it runs, about how many minutes on two processors, what it does.
parts=(
    "unit|daily|4|unit, sim, fuzz, SDK and lint tests, with the address and undefined-behaviour sanitizers"
    "integration|daily|10|the gateway and real plugins from outside, with the same sanitizers"
    "clang|daily|1|clang builds everything, without a warning"
    "coverage|full|15|which lines and branches the tests run, by folder"
    "analyzer|full|10|gcc -fanalyzer over every C file"
    "tidy|full|10|clang-tidy over every C file"
    "tsan|full|15|unit, sim and integration tests with the thread sanitizer"
    "valgrind|full|5|unit tests under Valgrind"
    "power|full|2|the power fails at 5000 random moments of commits"
    "kills|full|10|kill -9 at 200 random moments under load"
    "soak|full|6|jobs, restarts and kill -9 for some minutes; whether anything grows"
    "fuzz|full|15|libFuzzer, a minute for each target"
)
# shellcheck disable=SC2034  # used by ./check
folders=(build-check build-check-results build-check-known build-check-clang build-check-tsan build-check-plain build-check-fuzz build-check-coverage)

# beyond_daily NAMES: the section of packages that parts beyond the daily ones need
beyond_daily() {
    local row name kind rest
    for row in "${parts[@]}"; do
        IFS='|' read -r name kind rest <<<"$row"
        if [ "$kind" = full ] && grep -qx "$name" <<<"$1"; then echo full; return; fi
    done
}

sanitized() {
    phase "build with gcc, address and undefined-behaviour sanitizers" \
        build build-check -Dbuildtype=debugoptimized -Dwerror=true -Db_sanitize=address,undefined
}

part_unit() {
    sanitized && phase "unit, sim, fuzz, SDK and lint tests" tests meson build-check --no-suite integration
}

# What Debian does not have, into a folder of our own. Without a network the tests that need it are
# skipped, and say so.
python_tools() {
    local folder=build-check/python-tools
    cmp -s packaging/python-tools.txt "$folder/installed.txt" && return
    rm -rf "$folder"
    if "$python" -m venv "$folder" && "$folder/bin/pip" install -q --disable-pip-version-check \
        --retries 1 --timeout 20 -r packaging/python-tools.txt; then
        cp packaging/python-tools.txt "$folder/installed.txt"
    else
        rm -rf "$folder"
        echo "not installed (no network?): the API is not fuzzed in this run"
    fi
}

part_integration() {
    sanitized || return 1
    phase "tools for the tests, from PyPI" python_tools || true
    phase "integration tests" pytests integration build-check
}

part_clang() {
    counted "build with clang" with_clang build build-check-clang -Dbuildtype=debugoptimized -Dwerror=true
}

# Which lines and branches the tests ran, by folder; the table is printed again at the end.
coverage_of() {
    gcovr --root . --gcov-ignore-parse-errors --exclude '(.*/)?tests/.*' --exclude 'bench/.*' --exclude '.*/test\.c' \
        --json-summary "$1/coverage.json" --object-directory "$1" "$1" >/dev/null &&
        "$python" tests/check/coverage_table.py "$1/coverage.json" | tee "$results/coverage.txt"
}

# Not optimised: it is built sooner, and a line is a line. Counters are atomic, for threads.
part_coverage() {
    phase "build that counts what is run" build build-check-coverage \
        -Dbuildtype=debug -Db_coverage=true -Dc_args=-fprofile-update=atomic || return 1
    find build-check-coverage -name '*.gcda' -delete
    phase "unit, sim, fuzz and SDK tests, counted" tests coverage build-check-coverage \
        --suite unit --suite sim --suite fuzz --suite sdk --timeout-multiplier 10 || true
    phase "integration tests, counted" pytests coverage-integration build-check-coverage || true
    counted "coverage by folder" coverage_of build-check-coverage
}

part_analyzer() {
    phase "gcc's commands" configure build-check-plain -Dbuildtype=debugoptimized &&
        phase "gcc -fanalyzer" each_file analyzer build-check-plain
}

part_tidy() {
    phase "clang's commands" with_clang configure build-check-clang -Dbuildtype=debugoptimized -Dwerror=true &&
        phase "clang-tidy" each_file tidy build-check-clang
}

# Reports go to files too: not every process's end is looked at.
no_races() {
    ! grep -l . "$1".* 2>/dev/null || { cat "$1".* | head -n 200; return 1; }
}

part_tsan() {
    local reports=$PWD/build-check-tsan/reports
    phase "build with the thread sanitizer" \
        build build-check-tsan -Dbuildtype=debugoptimized -Db_sanitize=thread || return 1
    rm -rf "$reports"
    mkdir -p "$reports"
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:log_path=$reports/race
    phase "unit and sim tests with the thread sanitizer" \
        tests tsan build-check-tsan --suite unit --suite sim --timeout-multiplier 20 || true
    # Without those that stand in for the C library: so does the thread sanitizer.
    SLUICE_TEST_CONNECTIONS=128 phase "integration tests with the thread sanitizer" pytests tsan-integration build-check-tsan \
        --ignore tests/integration/test_faults.py --ignore tests/integration/test_clock.py || true
    counted "no race was reported" no_races "$reports/race"
    unset TSAN_OPTIONS
}

plain() { phase "build without sanitizers" build build-check-plain -Dbuildtype=debugoptimized; }

part_valgrind() {
    plain && phase "unit tests under Valgrind" tests valgrind build-check-plain --suite unit \
        --no-suite native --timeout-multiplier 40 \
        --wrap "valgrind --quiet --suppressions=$PWD/tests/lib/valgrind.supp --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
}

part_power() {
    plain && SLUICE_POWER_CUTS=5000 SLUICE_POWER_SEED=1000 \
        counted "the power fails at 5000 random moments" build-check-plain/tests/unit/store/power_test
}

part_kills() {
    plain && SLUICE_KILLS=200 \
        phase "kill -9 at 200 random moments under load" pytests kills build-check-plain -k under_load
}

part_soak() {
    plain || return 1
    SLUICE_SOAK_SECONDS=60 phase "the soak test of the suite, longer" pytests soak build-check-plain -k soak
    counted "four minutes of everything" "$python" tests/soak.py --minutes 4 --build build-check-plain
}

# Each target for a minute, from the corpus that is kept; what it finds stays in the folder.
fuzz_longer() {
    local target name found bad=0
    for target in build-check-fuzz/tests/fuzz/fuzz_*; do
        if [ ! -f "$target" ] || [ ! -x "$target" ]; then continue; fi
        name=$(basename "$target")
        echo "-- $name"
        found=build-check-fuzz/corpus/$name
        mkdir -p "$found" "tests/fuzz/corpus/${name#fuzz_}"
        "$target" -max_total_time=60 -rss_limit_mb=2048 -timeout=10 -verbosity=0 \
            -artifact_prefix="build-check-fuzz/$name-" "$found" "tests/fuzz/corpus/${name#fuzz_}" || bad=1
    done
    return $bad
}

part_fuzz() {
    phase "build the fuzz targets with libFuzzer" with_clang build build-check-fuzz -Dbuildtype=debugoptimized \
        -Dfuzzing=true -Db_sanitize=address,undefined -Db_lundef=false &&
        counted "fuzzing, a minute for each target" fuzz_longer
}
