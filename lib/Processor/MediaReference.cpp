#include "MediaReference.h"

#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace qvlrt {
namespace {

absl::string_view view(std::string_view text) { return {text.data(), text.size()}; }

bool hasScheme(std::string_view reference, std::string_view scheme) {
  return absl::StartsWithIgnoreCase(view(reference), view(scheme));
}

/// Undoes %XX; a stray % stays, because people paste paths into URIs.
std::string percentDecode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        absl::ascii_isxdigit(text[i + 1]) && absl::ascii_isxdigit(text[i + 2]);
    if (!escape) {
      out.push_back(text[i]);
      continue;
    }
    out += absl::HexStringToBytes(view(text.substr(i + 1, 2)));
    i += 2;
  }
  return out;
}

/// data:[<type>][;<parameter>]...;base64,<data>
absl::StatusOr<PictureSource> decodeDataUri(std::string_view uri) {
  const std::size_t comma = uri.find(',');
  if (comma == std::string_view::npos ||
      !absl::EndsWithIgnoreCase(view(uri.substr(0, comma)), ";base64"))
    return absl::InvalidArgumentError("a data URI must have the form data:<type>;base64,<data>");
  PictureSource source;
  source.name = absl::StrCat("data URI (", view(uri.substr(0, comma)), ")");
  if (!absl::Base64Unescape(view(uri.substr(comma + 1)), &source.bytes))
    return absl::InvalidArgumentError(absl::StrCat(source.name, ": the data is not valid base64"));
  return source;
}

} // namespace

absl::StatusOr<std::string> resolvePath(std::string_view reference,
                                        const std::string &baseDirectory) {
  if (hasScheme(reference, "http://") || hasScheme(reference, "https://"))
    return absl::InvalidArgumentError(
        absl::StrCat(view(reference),
                     ": nothing is fetched from the network; download the file and give its path"));
  if (hasScheme(reference, "data:"))
    return absl::InvalidArgumentError("a data URI is accepted for a picture only");
  std::string path(reference);
  if (hasScheme(reference, "file://"))
    path = percentDecode(reference.substr(std::string_view("file://").size()));
  else if (absl::StrContains(path, "://"))
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": unknown kind of URL; give a path, a file:// URI or a data URI"));
  if (path.empty() || path.find('\0') != std::string::npos)
    return absl::InvalidArgumentError(
        "the path of a picture or video is empty or contains a zero byte");
  // An absolute path replaces the base directory.
  return (std::filesystem::path(baseDirectory) / path).string();
}

absl::StatusOr<PictureSource> resolvePicture(std::string_view reference,
                                             const std::string &baseDirectory) {
  if (hasScheme(reference, "data:"))
    return decodeDataUri(reference);
  absl::StatusOr<std::string> path = resolvePath(reference, baseDirectory);
  if (!path.ok())
    return path.status();
  return PictureSource{*path, *path, ""};
}

} // namespace qvlrt
