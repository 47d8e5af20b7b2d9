#!/usr/bin/env bash
# Builds the fuzz targets of test/fuzz with AddressSanitizer and UndefinedBehaviorSanitizer into build-fuzz and runs each for a while.
#   tools/ci/fuzz.sh [--seconds=60] [TARGET...]
# Seeds are files of the tree; what a target finds on the way stays in build-fuzz/corpus. An input that crashes, leaks, takes 10 s or
# 2 GiB is kept in build-fuzz and makes the exit code 1: run build-fuzz/bin/TARGET on it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

seconds=60
targets=()
for argument in "$@"; do
  case "$argument" in
    --seconds=*) seconds="${argument#*=}" ;;
    -*) echo "fuzz: unknown option $argument" >&2; exit 2 ;;
    *) targets+=("$argument") ;;
  esac
done
((${#targets[@]})) || targets=(fuzz-artifact fuzz-checkpoint fuzz-image fuzz-inspect fuzz-messages fuzz-npy fuzz-ptx fuzz-safetensors)
build="${QVL_FUZZ_BUILD:-build-fuzz}"
tools/ci/build.sh --build-dir="$build" --sanitize=fuzzer-no-link,address,undefined "${targets[@]}" || exit 1

# Fills a folder with seeds.
seed() {
  case "$1" in
    fuzz-image) cp models/samples/*.png models/samples/*.jpg test/unit/processor/data/*.{png,jpg,webp} "$2" ;;
    fuzz-artifact | fuzz-inspect) cp test/unit/runtime/golden/*.qvl "$2" ;;
    fuzz-checkpoint) cp models/shapes-vl/{config,tokenizer}.json test/e2e/goldens/checkpoints/*/{config,tokenizer}.json --backup=numbered "$2" ;;
    fuzz-ptx) cp test/ptx/{corpus,nvcc}/*.ptx "$2" ;;
    fuzz-safetensors)
      for file in models/shapes-vl/*.safetensors test/e2e/goldens/checkpoints/*/*.safetensors; do
        # The JSON behind the eight bytes of its length.
        head -c "$((8 + $(od -An -t u8 -N 8 "$file")))" "$file" | tail -c +9 >"$2/$(basename "$(dirname "$file")").json"
      done ;;
    fuzz-npy) cp test/unit/processor/data/*.npy "$2" ;;
    fuzz-messages)
      echo '[{"role": "system", "content": "a"}, {"role": "user", "content": [{"type": "image", "image": "a.png", "max_pixels": 9},
        {"type": "video", "video": ["1.png", "2.png"], "fps": 2}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "text", "text": "\u00e9"}]}]' >"$2/conversation.json" ;;
  esac 2>/dev/null
}

export ASAN_OPTIONS=detect_container_overflow=0:allocator_may_return_null=1:allow_user_poisoning=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
status=0
for target in "${targets[@]}"; do
  corpus="$build/corpus/$target"
  mkdir -p "$corpus"
  seed "$target" "$corpus"
  log="$build/$target.log"
  if "$build/bin/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$build/$target-" "$corpus" >"$log" 2>&1; then
    echo "$target: $(sed -n 's/stat::number_of_executed_units: *//p' "$log") inputs, no finding"
  else
    echo "$target: FAILED, see $log"
    tail -n 20 "$log"
    status=1
  fi
done
exit "$status"
