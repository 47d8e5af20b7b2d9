#include "ArtifactVerifier.h"
#include "FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"

#include <tuple>

namespace qvlrt {

namespace {

absl::Status invalidTable(absl::string_view table, std::size_t index, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("tokenizer: ", table, "[", index, "] ", what));
}

/// The tables by their spans.
struct Tables {
  std::span<const std::uint32_t> byteIds;
  std::span<const std::uint32_t> offsets;
  std::span<const std::uint8_t> bytes;
  std::span<const qvlfmt::Merge> merges;

  std::size_t pieces() const { return offsets.size() - 1; }
  std::uint32_t length(std::uint32_t piece) const { return offsets[piece + 1] - offsets[piece]; }
};

absl::Status checkPieces(const Tables &tables) {
  if (tables.offsets.empty() || tables.offsets.front() != 0 ||
      tables.offsets.back() != tables.bytes.size())
    return absl::InvalidArgumentError("tokenizer: piece_offsets do not span piece_bytes");
  for (std::size_t i = 1; i < tables.offsets.size(); ++i)
    if (tables.offsets[i] < tables.offsets[i - 1])
      return invalidTable("piece_offsets", i, "is smaller than the one before");
  return absl::OkStatus();
}

absl::Status checkByteIds(const Tables &tables) {
  if (tables.byteIds.size() != 256)
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer: byte_ids has ", tables.byteIds.size(), " entries, not 256"));
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::uint32_t id = tables.byteIds[byte];
    if (id >= tables.pieces())
      return invalidTable("byte_ids", byte, absl::StrCat("is ", id, " of ", tables.pieces()));
    if (tables.length(id) != 1 || tables.bytes[tables.offsets[id]] != byte)
      return invalidTable("byte_ids", byte, absl::StrCat("is ", id, ", the piece of another byte"));
  }
  return absl::OkStatus();
}

absl::Status checkMerges(const Tables &tables) {
  for (std::size_t i = 0; i < tables.merges.size(); ++i) {
    const qvlfmt::Merge &merge = tables.merges[i];
    for (std::uint32_t id : {merge.left(), merge.right(), merge.result()})
      if (id >= tables.pieces())
        return invalidTable("merges", i, absl::StrCat("names piece ", id, " of ", tables.pieces()));
    if (tables.length(merge.result()) !=
        std::uint64_t{tables.length(merge.left())} + tables.length(merge.right()))
      return invalidTable("merges", i, "does not join its two pieces");
    if (i > 0 && std::tuple(tables.merges[i - 1].left(), tables.merges[i - 1].right()) >=
                     std::tuple(merge.left(), merge.right()))
      return invalidTable("merges", i, "is not sorted after the one before");
  }
  return absl::OkStatus();
}

absl::Status checkAddedTokens(const qvlfmt::Tokenizer &tokenizer) {
  const qvlfmt::AddedToken *previous = nullptr;
  for (std::uint32_t i = 0; i < countOf(tokenizer.added_tokens()); ++i) {
    const qvlfmt::AddedToken *token = tokenizer.added_tokens()->Get(i);
    if (viewOf(token->content()).empty())
      return invalidTable("added_tokens", i, "has no text");
    if (token->id() > INT32_MAX)
      return invalidTable("added_tokens", i, absl::StrCat("has id ", token->id()));
    if (previous && previous->id() >= token->id())
      return invalidTable("added_tokens", i, "is not sorted after the one before");
    previous = token;
  }
  return absl::OkStatus();
}

} // namespace

absl::Status verifyTokenizer(const qvlfmt::Tokenizer &tokenizer) {
  Tables tables{spanOf(tokenizer.byte_ids()), spanOf(tokenizer.piece_offsets()),
                spanOf(tokenizer.piece_bytes()), spanOf(tokenizer.merges())};
  QVLRT_RETURN_IF_ERROR(checkPieces(tables));
  QVLRT_RETURN_IF_ERROR(checkByteIds(tables));
  QVLRT_RETURN_IF_ERROR(checkMerges(tables));
  return checkAddedTokens(tokenizer);
}

} // namespace qvlrt
