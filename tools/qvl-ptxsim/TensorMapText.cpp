#include "TensorMapText.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include <algorithm>
#include <span>

namespace qvlptxsim {
namespace {

/// Values of CUtensorMapDataType, CUtensorMapSwizzle and CUtensorMapFloatOOBfill.
struct Choice {
  const char *name;
  int value;
};
constexpr Choice kTypes[] = {{"u8", 0},  {"u16", 1},  {"u32", 2},  {"i32", 3},
                             {"u64", 4}, {"i64", 5},  {"f16", 6},  {"f32", 7},
                             {"f64", 8}, {"bf16", 9}, {"tf32", 11}};
constexpr Choice kSwizzles[] = {{"none", 0}, {"32", 1}, {"64", 2}, {"128", 3}};
constexpr Choice kFills[] = {{"zero", 0}, {"nan", 1}};

absl::Status wrong(absl::string_view key, absl::string_view cause) {
  return absl::InvalidArgumentError(absl::StrFormat("tensormap: %s: %s", key, cause));
}

absl::Status choose(absl::string_view key, absl::string_view name, std::span<const Choice> choices,
                    int &out) {
  const auto found = std::find_if(choices.begin(), choices.end(),
                                  [&](const Choice &choice) { return name == choice.name; });
  if (found == choices.end())
    return wrong(key, absl::StrFormat("'%s' is none of its values", name));
  out = found->value;
  return absl::OkStatus();
}

/// Reads numbers with commas between them into `out`; `count` says how many there were.
template <typename T>
absl::Status numbers(absl::string_view key, absl::string_view text, std::span<T> out,
                     std::size_t &count) {
  count = 0;
  if (text.empty())
    return absl::OkStatus();
  for (const absl::string_view piece : absl::StrSplit(text, ',')) {
    if (count == out.size())
      return wrong(key, absl::StrFormat("more than %d numbers", out.size()));
    if (!absl::SimpleAtoi(piece, &out[count]))
      return wrong(key, absl::StrFormat("'%s' is not a whole number that fits", piece));
    ++count;
  }
  return absl::OkStatus();
}

struct Lengths {
  std::size_t dims = 0, strides = 0, box = 0, steps = 0;
};

absl::Status readEntry(absl::string_view key, absl::string_view value, TensorMapText &map,
                       Lengths &lengths) {
  if (key == "data") {
    map.data = std::string(value);
    return absl::OkStatus();
  }
  if (key == "type")
    return choose(key, value, kTypes, map.dataType);
  if (key == "swizzle")
    return choose(key, value, kSwizzles, map.swizzle);
  if (key == "fill")
    return choose(key, value, kFills, map.fill);
  if (key == "dims")
    return numbers<std::uint64_t>(key, value, map.dims, lengths.dims);
  if (key == "strides")
    return numbers<std::uint64_t>(key, value, map.strides, lengths.strides);
  if (key == "box")
    return numbers<std::uint32_t>(key, value, map.box, lengths.box);
  if (key == "steps")
    return numbers<std::uint32_t>(key, value, map.steps, lengths.steps);
  return wrong(key, "no such key");
}

} // namespace

absl::StatusOr<TensorMapText> parseTensorMap(std::string_view text) {
  TensorMapText map;
  map.dataType = -1;
  map.steps.fill(1);
  Lengths lengths;
  for (const absl::string_view entry :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ';')) {
    const std::size_t equals = entry.find('=');
    if (equals == absl::string_view::npos)
      return wrong(entry, "no KEY=VALUE");
    absl::Status status =
        readEntry(entry.substr(0, equals), entry.substr(equals + 1), map, lengths);
    if (!status.ok())
      return status;
  }
  if (map.data.empty() || map.dataType < 0 || lengths.dims == 0)
    return wrong("data, type, dims, box", "all four are needed");
  if (lengths.box != lengths.dims || lengths.strides != lengths.dims - 1 ||
      (lengths.steps != 0 && lengths.steps != lengths.dims))
    return wrong("dims", "box and steps have as many numbers, strides one less");
  map.rank = static_cast<std::uint32_t>(lengths.dims);
  return map;
}

} // namespace qvlptxsim
