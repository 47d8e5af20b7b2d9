#include "Argument.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

#include <cstring>
#include <limits>

namespace qvlptxsim {
namespace {

struct ElementName {
  const char *name;
  qvlrt::NpyType type;
};
constexpr ElementName kElements[] = {{"u8", qvlrt::NpyType::U8},   {"i8", qvlrt::NpyType::I8},
                                     {"u16", qvlrt::NpyType::U16}, {"i16", qvlrt::NpyType::I16},
                                     {"f16", qvlrt::NpyType::F16}, {"u32", qvlrt::NpyType::U32},
                                     {"i32", qvlrt::NpyType::I32}, {"f32", qvlrt::NpyType::F32},
                                     {"i64", qvlrt::NpyType::I64}, {"f64", qvlrt::NpyType::F64}};

absl::string_view view(std::string_view text) { return {text.data(), text.size()}; }

absl::Status wrong(std::string_view text, std::string_view cause) {
  return absl::InvalidArgumentError(absl::StrFormat("--arg=%s: %s", text, cause));
}

template <typename T> std::vector<std::uint8_t> bytesOf(T value) {
  std::vector<std::uint8_t> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::optional<std::vector<std::uint8_t>> integerBytes(std::string_view type,
                                                      std::string_view number) {
  std::int32_t i32;
  std::uint32_t u32;
  std::int64_t i64;
  std::uint64_t u64;
  if (type == "i32" && absl::SimpleAtoi(view(number), &i32))
    return bytesOf(i32);
  if (type == "u32" && absl::SimpleAtoi(view(number), &u32))
    return bytesOf(u32);
  if (type == "i64" && absl::SimpleAtoi(view(number), &i64))
    return bytesOf(i64);
  if (type == "u64" && absl::SimpleAtoi(view(number), &u64))
    return bytesOf(u64);
  return std::nullopt;
}

std::optional<std::vector<std::uint8_t>> floatBytes(std::string_view type,
                                                    std::string_view number) {
  float f32;
  double f64;
  if (type == "f32" && absl::SimpleAtof(view(number), &f32))
    return bytesOf(f32);
  if (type == "f64" && absl::SimpleAtod(view(number), &f64))
    return bytesOf(f64);
  return std::nullopt;
}

int digitOf(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

std::optional<std::vector<std::uint8_t>> hexBytes(std::string_view digits) {
  if (digits.empty() || digits.size() % 2)
    return std::nullopt;
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = digitOf(digits[i]), low = digitOf(digits[i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

absl::StatusOr<qvlrt::NpyArray> zeros(std::string_view text, std::string_view rest,
                                      std::uint64_t maxBytes) {
  const std::size_t colon = rest.find(':');
  const auto type = elementTypeOf(rest.substr(0, colon));
  if (colon == std::string_view::npos || !type)
    return wrong(text, "zeros takes DTYPE:COUNT with one of u8 i8 u16 i16 f16 u32 i32 f32 i64 f64");
  std::uint64_t count;
  if (!absl::SimpleAtoi(view(rest.substr(colon + 1)), &count))
    return wrong(text, "the count is not a whole number");
  if (count > maxBytes / qvlrt::npyElementBytes(*type))
    return wrong(text, absl::StrFormat("more than the %u bytes of --memory", maxBytes));
  qvlrt::NpyArray array;
  array.type = *type;
  array.shape = {static_cast<std::int64_t>(count)};
  array.bytes.resize(count * qvlrt::npyElementBytes(*type));
  return array;
}

absl::StatusOr<qvlrt::NpyArray> bufferOf(std::string_view text, std::string_view source,
                                         std::uint64_t maxBytes) {
  if (source.starts_with('@'))
    return qvlrt::readNpy(std::string(source.substr(1)), maxBytes);
  if (source.starts_with("zeros:"))
    return zeros(text, source.substr(6), maxBytes);
  return wrong(text, "a buffer is @FILE.npy or zeros:DTYPE:COUNT");
}

absl::StatusOr<Argument> tensorMapArgument(std::string_view text, std::uint64_t maxBytes) {
  Argument argument;
  argument.text = text;
  argument.mapByAddress = text.starts_with('&');
  const std::string_view description = text.substr(text.find(':') + 1);
  absl::StatusOr<TensorMapText> map = parseTensorMap(description);
  if (!map.ok())
    return wrong(text, std::string(map.status().message()));
  absl::StatusOr<qvlrt::NpyArray> buffer = bufferOf(text, map->data, maxBytes);
  if (!buffer.ok())
    return buffer.status();
  argument.buffer = *std::move(buffer);
  argument.tensorMap = *std::move(map);
  return argument;
}

} // namespace

std::optional<qvlrt::NpyType> elementTypeOf(std::string_view name) {
  for (const ElementName &element : kElements)
    if (name == element.name)
      return element.type;
  return std::nullopt;
}

absl::StatusOr<Argument> parseArgument(std::string_view text, std::uint64_t maxBytes) {
  if (text.starts_with("tensormap:") || text.starts_with("&tensormap:"))
    return tensorMapArgument(text, maxBytes);
  Argument argument;
  argument.text = text;
  if (text.starts_with('@') || text.starts_with("zeros:")) {
    absl::StatusOr<qvlrt::NpyArray> buffer = bufferOf(text, text, maxBytes);
    if (!buffer.ok())
      return buffer.status();
    argument.buffer = *std::move(buffer);
    return argument;
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos)
    return wrong(text, "neither @FILE.npy nor KIND:VALUE (see --help)");
  const std::string_view kind = text.substr(0, colon), value = text.substr(colon + 1);
  std::optional<std::vector<std::uint8_t>> bytes =
      kind == "bytes" ? hexBytes(value) : integerBytes(kind, value);
  if (!bytes)
    bytes = floatBytes(kind, value);
  if (!bytes)
    return wrong(text, kind == "bytes" ? "bytes takes pairs of hexadecimal digits"
                                       : "unknown kind, or a number that does not fit it");
  argument.value = *std::move(bytes);
  return argument;
}

absl::StatusOr<std::vector<Argument>> parseArguments(std::span<const std::string> texts,
                                                     std::uint64_t maxBytes) {
  std::vector<Argument> arguments;
  for (const std::string &text : texts) {
    absl::StatusOr<Argument> argument = parseArgument(text, maxBytes);
    if (!argument.ok())
      return argument.status();
    arguments.push_back(*std::move(argument));
  }
  return arguments;
}

} // namespace qvlptxsim
