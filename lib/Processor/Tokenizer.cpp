#include "qvlrt/tokenizer.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "Normalizer.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "qvlrt/pre_tokenizer.h"
#include "qvlrt/utf8.h"

namespace qvlrt {
namespace {

/// Longest text in one call, in bytes: keeps positions inside 32 bits. Far above any context
/// length.
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 26;

absl::Status badTables(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the tokenizer tables are damaged (",
                                                 absl::string_view(what.data(), what.size()),
                                                 "): compile the artifact again"));
}

template <typename T> std::span<const T> asSpan(const flatbuffers::Vector<T> *vector) {
  return vector ? std::span(vector->data(), vector->size()) : std::span<const T>();
}

std::span<const qvlfmt::Merge> asSpan(const flatbuffers::Vector<const qvlfmt::Merge *> *vector) {
  if (!vector || vector->size() == 0)
    return {};
  return {reinterpret_cast<const qvlfmt::Merge *>(vector->Data()), vector->size()};
}

absl::Status checkPieces(std::span<const std::uint32_t> byteIds,
                         std::span<const std::uint32_t> offsets, std::size_t pieceBytes) {
  if (byteIds.size() != 256)
    return badTables("there are not 256 byte ids");
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != pieceBytes ||
      !std::is_sorted(offsets.begin(), offsets.end()))
    return badTables("piece offsets");
  for (std::uint32_t id : byteIds)
    if (id >= offsets.size() - 1)
      return badTables("a byte id is out of range");
  return absl::OkStatus();
}

absl::Status checkMerges(std::span<const qvlfmt::Merge> merges, std::size_t pieces) {
  for (std::size_t i = 0; i < merges.size(); ++i) {
    const qvlfmt::Merge &merge = merges[i];
    if (std::max({merge.left(), merge.right(), merge.result()}) >= pieces)
      return badTables("a merge is out of range");
    if (i > 0 && std::tuple(merges[i - 1].left(), merges[i - 1].right()) >=
                     std::tuple(merge.left(), merge.right()))
      return badTables("merges are not sorted");
  }
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<Tokenizer> Tokenizer::create(const qvlfmt::Tokenizer &tables) {
  const auto byteIds = asSpan(tables.byte_ids());
  const auto merges = asSpan(tables.merges());
  const auto offsets = asSpan(tables.piece_offsets());
  const auto bytes = asSpan(tables.piece_bytes());
  if (absl::Status status = checkPieces(byteIds, offsets, bytes.size()); !status.ok())
    return status;
  if (absl::Status status = checkMerges(merges, offsets.size() - 1); !status.ok())
    return status;

  Tokenizer tokenizer{BytePairEncoder(byteIds, merges)};
  tokenizer.pieceOffsets = offsets;
  tokenizer.pieceBytes = {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
  if (tables.added_tokens())
    for (const qvlfmt::AddedToken *token : *tables.added_tokens()) {
      if (!token->content() || token->content()->size() == 0)
        return badTables("an added token has no text");
      if (!tokenizer.added.empty() && tokenizer.added.back().id >= token->id())
        return badTables("added tokens are not sorted");
      tokenizer.added.push_back({token->id(), token->content()->string_view(), token->special()});
    }
  tokenizer.buildMatcher();
  return tokenizer;
}

void Tokenizer::buildMatcher() {
  for (const Added &token : added)
    startsAdded[static_cast<unsigned char>(token.content.front())] = true;
  longestFirst.resize(added.size());
  std::iota(longestFirst.begin(), longestFirst.end(), 0);
  std::sort(longestFirst.begin(), longestFirst.end(), [this](auto a, auto b) {
    return std::tuple(added[b].content.size(), a) < std::tuple(added[a].content.size(), b);
  });
}

const Tokenizer::Added *Tokenizer::matchAdded(std::string_view text, std::size_t position,
                                              SpecialText specialText) const {
  if (!startsAdded[static_cast<unsigned char>(text[position])])
    return nullptr;
  for (std::uint32_t index : longestFirst) {
    const Added &token = added[index];
    const bool wanted = specialText == SpecialText::Match || !token.special;
    if (wanted && text.substr(position, token.content.size()) == token.content)
      return &token;
  }
  return nullptr;
}

void Tokenizer::encodePiece(std::string_view piece, std::vector<std::int64_t> &ids) const {
  const std::string normalized = normalizeNfc(piece);
  for (std::string_view chunk : splitIntoChunks(normalized))
    encoder.encode(chunk, ids);
}

absl::StatusOr<std::vector<std::int64_t>> Tokenizer::encode(std::string_view text,
                                                            SpecialText specialText) const {
  if (text.size() > kMaxTextBytes)
    return absl::InvalidArgumentError(absl::StrFormat(
        "the text has %u bytes; at most %u can be tokenized", text.size(), kMaxTextBytes));
  const std::string valid = replaceInvalidUtf8(text);
  std::vector<std::int64_t> ids;
  std::size_t pieceStart = 0;
  for (std::size_t i = 0; i < valid.size();) {
    const Added *token = matchAdded(valid, i, specialText);
    if (!token) {
      ++i;
      continue;
    }
    encodePiece(std::string_view(valid).substr(pieceStart, i - pieceStart), ids);
    ids.push_back(token->id);
    i += token->content.size();
    pieceStart = i;
  }
  encodePiece(std::string_view(valid).substr(pieceStart), ids);
  return ids;
}

std::optional<std::string_view> Tokenizer::findSpecialText(std::string_view text) const {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!startsAdded[static_cast<unsigned char>(text[i])])
      continue;
    for (const Added &token : added)
      if (token.special && text.substr(i, token.content.size()) == token.content)
        return token.content;
  }
  return std::nullopt;
}

const Tokenizer::Added *Tokenizer::addedById(std::int64_t id) const {
  const auto found =
      std::lower_bound(added.begin(), added.end(), id,
                       [](const Added &token, auto value) { return token.id < value; });
  return found != added.end() && found->id == id ? &*found : nullptr;
}

std::string_view Tokenizer::tokenBytes(std::int64_t id) const {
  if (const Added *token = addedById(id))
    return token->content;
  if (id < 0 || id >= static_cast<std::int64_t>(pieceOffsets.size()) - 1)
    return {};
  return pieceBytes.substr(pieceOffsets[id], pieceOffsets[id + 1] - pieceOffsets[id]);
}

bool Tokenizer::isSpecial(std::int64_t id) const {
  const Added *token = addedById(id);
  return token && token->special;
}

std::optional<std::int64_t> Tokenizer::addedTokenId(std::string_view content) const {
  for (const Added &token : added)
    if (token.content == content)
      return token.id;
  return std::nullopt;
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids, bool skipSpecial) const {
  std::string bytes;
  for (std::int64_t id : ids)
    if (!skipSpecial || !isSpecial(id))
      bytes.append(tokenBytes(id));
  return replaceInvalidUtf8(bytes);
}

std::string StreamingDecoder::push(std::int64_t id) {
  if (!skipSpecial || !tokenizer->isSpecial(id))
    pending.append(tokenizer->tokenBytes(id));
  const std::size_t complete = pending.size() - incompleteUtf8Tail(pending);
  std::string text = replaceInvalidUtf8(std::string_view(pending).substr(0, complete));
  pending.erase(0, complete);
  return text;
}

std::string StreamingDecoder::finish() {
  std::string text = replaceInvalidUtf8(pending);
  pending.clear();
  return text;
}

} // namespace qvlrt
