#include "TokenizerTables.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <unordered_map>

#include <lzma.h>

#include "Goldens.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "qvlfmt/ByteMap.h"
#include "qvlrt/utf8.h"

namespace qvlrt::testing {
namespace {

constexpr const char *kSpecial[] = {"<|endoftext|>",        "<|im_start|>",       "<|im_end|>",
                                    "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
                                    "<|box_end|>",          "<|quad_start|>",     "<|quad_end|>",
                                    "<|vision_start|>",     "<|vision_end|>",     "<|vision_pad|>",
                                    "<|image_pad|>",        "<|video_pad|>"};
constexpr const char *kNotSpecial[] = {"<tool_call>",    "</tool_call>",   "<|fim_prefix|>",
                                       "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
                                       "<|repo_name|>",  "<|file_sep|>"};

std::string decompressXz(const std::string &packed) {
  constexpr std::uint64_t kMemoryLimit = std::uint64_t{1} << 28;
  std::string out(std::size_t{4} << 20, '\0');
  std::uint64_t memoryLimit = kMemoryLimit;
  std::size_t read = 0;
  std::size_t written = 0;
  const lzma_ret result = lzma_stream_buffer_decode(
      &memoryLimit, 0, nullptr, reinterpret_cast<const std::uint8_t *>(packed.data()), &read,
      packed.size(), reinterpret_cast<std::uint8_t *>(out.data()), &written, out.size());
  if (result != LZMA_OK)
    std::abort();
  out.resize(written);
  return out;
}

using Ranks = std::unordered_map<std::string_view, std::uint32_t>;

/// The two parts that the token of rank `limit` is made of: pairs joined by lowest rank until two
/// are left.
Vocabulary::Merge splitToken(std::string_view token, std::uint32_t limit, const Ranks &ranks) {
  std::vector<std::size_t> bounds;
  for (std::size_t i = 0; i <= token.size(); ++i)
    bounds.push_back(i);
  const auto rankOf = [&](std::size_t from, std::size_t to) {
    const auto found = ranks.find(token.substr(from, to - from));
    return found == ranks.end() || found->second >= limit ? ~std::uint32_t{0} : found->second;
  };
  while (bounds.size() > 3) {
    std::size_t best = 1;
    for (std::size_t i = 2; i + 1 < bounds.size(); ++i)
      if (rankOf(bounds[i - 1], bounds[i + 1]) < rankOf(bounds[best - 1], bounds[best + 1]))
        best = i;
    bounds.erase(bounds.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return {rankOf(0, bounds[1]), rankOf(bounds[1], bounds[2]), limit};
}

std::string undoByteMap(std::string_view printable) {
  std::string bytes;
  for (std::size_t i = 0; i < printable.size();) {
    const Utf8Step step = decodeUtf8(printable, i);
    bytes.push_back(static_cast<char>(qvlfmt::byteOfCodePoint(step.codePoint)));
    i += step.bytes;
  }
  return bytes;
}

} // namespace

TokenizerTables::TokenizerTables(const Vocabulary &vocabulary) {
  std::vector<std::uint32_t> byteIds(256);
  std::vector<std::uint32_t> offsets = {0};
  std::vector<std::uint8_t> bytes;
  for (std::uint32_t id = 0; id < vocabulary.pieces.size(); ++id) {
    const std::string &piece = vocabulary.pieces[id];
    if (piece.size() == 1)
      byteIds[static_cast<unsigned char>(piece.front())] = id;
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
  }
  std::vector<qvlfmt::Merge> merges;
  for (const Vocabulary::Merge &merge : vocabulary.merges)
    merges.emplace_back(merge.left, merge.right, merge.result,
                        static_cast<std::uint32_t>(merges.size()));
  std::sort(merges.begin(), merges.end(), [](const qvlfmt::Merge &a, const qvlfmt::Merge &b) {
    return std::pair(a.left(), a.right()) < std::pair(b.left(), b.right());
  });
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<qvlfmt::AddedToken>> added;
  for (const Vocabulary::Added &token : vocabulary.added)
    added.push_back(
        qvlfmt::CreateAddedTokenDirect(builder, token.id, token.content.c_str(), token.special));
  builder.Finish(
      qvlfmt::CreateTokenizerDirect(builder, &byteIds, &offsets, &bytes, &merges, &added));
  buffer = builder.Release();
}

const qvlfmt::Tokenizer &TokenizerTables::get() const {
  return *flatbuffers::GetRoot<qvlfmt::Tokenizer>(buffer.data());
}

Vocabulary deriveQwenVocabulary() {
  Vocabulary vocabulary;
  const std::string text = decompressXz(readFile(goldenPath("tokenizer/qwen.tiktoken.xz")));
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    std::string token;
    if (!absl::Base64Unescape(line.substr(0, line.find(' ')), &token))
      std::abort();
    vocabulary.pieces.push_back(std::move(token));
  }
  Ranks ranks;
  for (std::uint32_t id = 0; id < vocabulary.pieces.size(); ++id)
    ranks[vocabulary.pieces[id]] = id;
  for (std::uint32_t id = 256; id < vocabulary.pieces.size(); ++id)
    vocabulary.merges.push_back(splitToken(vocabulary.pieces[id], id, ranks));
  auto next = static_cast<std::uint32_t>(vocabulary.pieces.size());
  for (const char *content : kSpecial)
    vocabulary.added.push_back({next++, content, true});
  for (const char *content : kNotSpecial)
    vocabulary.added.push_back({next++, content, false});
  return vocabulary;
}

const qvlfmt::Tokenizer &qwenTables() {
  static const TokenizerTables tables(deriveQwenVocabulary());
  return tables.get();
}

Vocabulary readTokenizerJson(const std::string &path) {
  const nlohmann::json json = readJson(path);
  const nlohmann::json &ids = json.at("model").at("vocab");
  Vocabulary vocabulary;
  vocabulary.pieces.resize(ids.size());
  for (const auto &[printable, id] : ids.items())
    vocabulary.pieces.at(id.get<std::size_t>()) = undoByteMap(printable);
  for (const nlohmann::json &merge : json.at("model").at("merges")) {
    const std::vector<std::string> parts =
        merge.is_array() ? merge.get<std::vector<std::string>>()
                         : std::vector<std::string>(absl::StrSplit(merge.get<std::string>(), ' '));
    vocabulary.merges.push_back({ids.at(parts[0]), ids.at(parts[1]), ids.at(parts[0] + parts[1])});
  }
  for (const nlohmann::json &token : json.at("added_tokens"))
    vocabulary.added.push_back({token.at("id"), token.at("content"), token.at("special")});
  return vocabulary;
}

} // namespace qvlrt::testing
