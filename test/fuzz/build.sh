#!/bin/bash
# build.sh - builds every fuzz target, as OSS-Fuzz asks for it
#
# Environment, all with defaults for a build by hand:
#   CC CFLAGS CXX         compilers and flags; clang with ASan and UBSan.  CXX
#                         links, for engines in C++
#   LIB_FUZZING_ENGINE    what drives the targets; -fsanitize=fuzzer
#   OUT                   gets fuzz_NAME, fuzz_NAME.dict, fuzz_NAME.options and
#                         fuzz_NAME_seed_corpus.zip; $WORK/out
#   WORK                  the build; ${TMPDIR:-/tmp}/chapar-fuzz
#
# For AFL++: CC=afl-clang-fast LIB_FUZZING_ENGINE=-fsanitize=fuzzer, and run
# afl-fuzz -x fuzz_NAME.dict -i seeds -o found -- $OUT/fuzz_NAME
set -eu
here=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")" && pwd)
top=$(cd "$here/../.." && pwd)
work=${WORK:-${TMPDIR:-/tmp}/chapar-fuzz}
out=${OUT:-$work/out}
engine=${LIB_FUZZING_ENGINE:--fsanitize=fuzzer}
export CC=${CC:-clang}
export CFLAGS=${CFLAGS:--O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all}

mkdir -p "$work/b" "$out"
[ -f "$top/configure" ] || (cd "$top" && autoreconf -i)
cd "$work/b"
[ Makefile -nt "$top/Makefile.in" ] && [ Makefile -nt "$top/configure" ] || "$top/configure" --quiet
# Without the hardening of a usual build, which hides calls from the sanitizers.
fuzz=("CFLAGS=-std=c11 $CFLAGS -fsanitize-coverage-ignorelist=$here/uncovered" LDFLAGS= "FUZZ_ENGINE=$engine" "FUZZ_LD=${CXX:-$CC}")
make -s -j"$(nproc)" "${fuzz[@]}" fuzzers
for t in $(make -s list-fuzzers); do
    name=${t##*/}
    cp "$t" "$out/"
    [ ! -f "$here/dict/$name.dict" ] || cp "$here/dict/$name.dict" "$out/"
    printf '[libfuzzer]\nmax_len = %s\ntimeout = 10\nrss_limit_mb = 1024\nmalloc_limit_mb = 512\n' \
        "$("$here/max_len" "$name")" >"$out/$name.options"
    if command -v zip >/dev/null && compgen -G "$here/corpus/$name/*" >/dev/null; then
        rm -f "$out/${name}_seed_corpus.zip"
        zip -q -j -r "$out/${name}_seed_corpus.zip" "$here/corpus/$name"
    fi
done
