#include "qvlrt/npy.h"
#include "qvlrt/status.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <sys/stat.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace qvlrt {
namespace {

static_assert(std::endian::native == std::endian::little, "files are written as memory lies");

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kDataAlignment = 64;
constexpr std::size_t kMaxRank = 32;

struct TypeName {
  NpyType type;
  const char *descr;
  std::size_t bytes;
};
constexpr TypeName kTypes[] = {{NpyType::F32, "<f4", 4}, {NpyType::F64, "<f8", 8},
                               {NpyType::I32, "<i4", 4}, {NpyType::I64, "<i8", 8},
                               {NpyType::U8, "|u1", 1},  {NpyType::U16, "<u2", 2},
                               {NpyType::F16, "<f2", 2}, {NpyType::I8, "|i1", 1},
                               {NpyType::I16, "<i2", 2}, {NpyType::U32, "<u4", 4}};

const TypeName &nameOf(NpyType type) {
  return *std::find_if(std::begin(kTypes), std::end(kTypes),
                       [type](const TypeName &name) { return name.type == type; });
}

/// Elements of a shape, or nothing when an extent is negative or the bytes overflow.
std::optional<std::uint64_t> countElements(std::span<const std::int64_t> shape,
                                           std::size_t elementBytes) {
  std::uint64_t count = 1;
  for (std::int64_t extent : shape)
    if (extent < 0)
      return std::nullopt;
    else if (extent == 0)
      return 0;
  for (std::int64_t extent : shape) {
    if (count > std::numeric_limits<std::int64_t>::max() / elementBytes /
                    static_cast<std::uint64_t>(extent))
      return std::nullopt;
    count *= static_cast<std::uint64_t>(extent);
  }
  return count;
}

std::string headerText(NpyType type, std::span<const std::int64_t> shape) {
  // A tuple of one element keeps its comma.
  const std::string extents =
      absl::StrCat(absl::StrJoin(shape, ", "), shape.size() == 1 ? "," : "");
  std::string text = absl::StrFormat("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                                     nameOf(type).descr, extents);
  const std::size_t prefix = kMagic.size() + 4;
  text.append(kDataAlignment - 1 - (prefix + text.size()) % kDataAlignment, ' ');
  text.push_back('\n');
  return text;
}

/// Reads the header's dictionary, a Python literal with exactly the keys descr, fortran_order and
/// shape.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : rest(text) {}

  bool parse(NpyArray &array) {
    bool seen[3] = {};
    if (!take('{'))
      return false;
    while (!take('}')) {
      const auto key = quoted();
      if (!key || !take(':') || !entry(*key, seen, array))
        return false;
      if (!take(',') && peek() != '}')
        return false;
    }
    return seen[0] && seen[1] && seen[2] && peek() == '\0';
  }

private:
  bool entry(std::string_view key, bool (&seen)[3], NpyArray &array) {
    if (key == "descr" && !seen[0])
      return seen[0] = descr(array);
    if (key == "fortran_order" && !seen[1])
      return seen[1] = takeWord("False");
    if (key == "shape" && !seen[2])
      return seen[2] = shape(array);
    return false;
  }

  bool descr(NpyArray &array) {
    const auto name = quoted();
    for (const TypeName &type : kTypes)
      if (name && *name == type.descr) {
        array.type = type.type;
        return true;
      }
    return false;
  }

  bool shape(NpyArray &array) {
    if (!take('('))
      return false;
    while (!take(')')) {
      const auto extent = number();
      if (!extent || array.shape.size() == kMaxRank)
        return false;
      array.shape.push_back(*extent);
      if (!take(',') && (peek() != ')' || array.shape.size() == 1)) // "(3)" is a number, no tuple
        return false;
    }
    return true;
  }

  char peek() {
    while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\n'))
      rest.remove_prefix(1);
    return rest.empty() ? '\0' : rest.front();
  }
  bool take(char wanted) {
    if (peek() != wanted)
      return false;
    rest.remove_prefix(1);
    return true;
  }
  bool takeWord(std::string_view word) {
    peek();
    if (rest.substr(0, word.size()) != word)
      return false;
    rest.remove_prefix(word.size());
    return true;
  }
  std::optional<std::string_view> quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"')
      return std::nullopt;
    const std::size_t end = rest.find(quote, 1);
    if (end == std::string_view::npos)
      return std::nullopt;
    const std::string_view content = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    return content;
  }
  std::optional<std::int64_t> number() {
    peek();
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    std::int64_t value = 0;
    if (!absl::SimpleAtoi(absl::string_view(rest.data(), digits), &value))
      return std::nullopt;
    rest.remove_prefix(digits);
    return value;
  }

  std::string_view rest;
};

/// Offset and length of the header's text, or nothing when the fixed part is malformed.
std::optional<std::string_view> headerOf(std::string_view bytes) {
  if (bytes.size() < 10 || bytes.substr(0, kMagic.size()) != kMagic || bytes[7] != 0)
    return std::nullopt;
  const int major = bytes[6];
  const std::size_t lengthBytes = major == 1 ? 2 : 4;
  const std::size_t start = kMagic.size() + 2 + lengthBytes;
  if (major < 1 || major > 3 || bytes.size() < start)
    return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < lengthBytes; ++i)
    length |= std::size_t{static_cast<unsigned char>(bytes[start - lengthBytes + i])} << 8 * i;
  if (length > bytes.size() - start)
    return std::nullopt;
  return bytes.substr(start, length);
}

} // namespace

std::size_t npyElementBytes(NpyType type) { return nameOf(type).bytes; }

std::int64_t NpyArray::size() const {
  return static_cast<std::int64_t>(bytes.size() / npyElementBytes(type));
}

absl::Status writeNpy(const std::string &path, NpyType type, std::span<const std::int64_t> shape,
                      std::span<const std::uint8_t> data) {
  const std::size_t elementBytes = npyElementBytes(type);
  const auto count = countElements(shape, elementBytes);
  if (!count || *count * elementBytes != data.size() || shape.size() > kMaxRank)
    return absl::InvalidArgumentError(absl::StrFormat("%s: shape (%s) does not hold %u bytes", path,
                                                      absl::StrJoin(shape, ", "), data.size()));
  const std::string text = headerText(type, shape);
  std::string prefix(kMagic);
  prefix += {1, 0, static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return absl::Status(codeOfOpenError(errno),
                        absl::StrCat(path, ": cannot be written: ", std::strerror(errno)));
  bool good = std::fwrite(prefix.data(), 1, prefix.size(), file) == prefix.size() &&
              std::fwrite(text.data(), 1, text.size(), file) == text.size() &&
              std::fwrite(data.data(), 1, data.size(), file) == data.size();
  int error = errno;
  if (std::fclose(file) != 0 && good) {
    good = false;
    error = errno;
  }
  if (good)
    return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path, ": cannot be written: ", std::strerror(error)));
}

absl::StatusOr<NpyArray> parseNpy(std::string_view bytes, std::string_view name) {
  const auto error = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(std::string(name), ": ", what));
  };
  const auto header = headerOf(bytes);
  if (!header)
    return error("no .npy file, or a truncated one");
  NpyArray array;
  if (!HeaderParser(*header).parse(array))
    return error(
        "unsupported .npy header (accepted: little-endian f16 f32 f64 i8 i16 i32 i64 u8 u16 "
        "u32, C order)");
  const std::string_view data = bytes.substr(header->data() + header->size() - bytes.data());
  const std::size_t elementBytes = npyElementBytes(array.type);
  const auto count = countElements(array.shape, elementBytes);
  if (!count || *count * elementBytes != data.size())
    return error(absl::StrFormat("shape (%s) does not fit the %u bytes of data",
                                 absl::StrJoin(array.shape, ", "), data.size()));
  array.bytes.assign(data.begin(), data.end());
  return array;
}

absl::StatusOr<NpyArray> readNpy(const std::string &path, std::uint64_t maxBytes) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  if (!S_ISREG(info.st_mode) || static_cast<std::uint64_t>(info.st_size) > maxBytes)
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: no regular file of at most %u bytes", path, maxBytes));
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be read completely"));
  return parseNpy(bytes, path);
}

} // namespace qvlrt
