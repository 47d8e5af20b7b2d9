#include "qvl/Import/TokenizerTables.h"
#include "qvl/Import/Failure.h"
#include "qvlfmt/ByteMap.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ConvertUTF.h"
#include <limits>
#include <optional>

using namespace qvl;

static constexpr uint32_t kNoId = std::numeric_limits<uint32_t>::max();

llvm::StringRef TokenizerTables::piece(uint32_t id) const {
  return llvm::StringRef(reinterpret_cast<const char *>(pieceBytes.data()) + pieceOffsets[id],
                         pieceOffsets[id + 1] - pieceOffsets[id]);
}

/// The raw bytes of a token in the printable byte map; nothing when a character stands for no byte.
static std::optional<std::string> undoByteMap(llvm::StringRef token) {
  std::string bytes;
  const auto *position = reinterpret_cast<const llvm::UTF8 *>(token.begin());
  const auto *end = reinterpret_cast<const llvm::UTF8 *>(token.end());
  while (position != end) {
    llvm::UTF32 codePoint = 0;
    if (llvm::convertUTF8Sequence(&position, end, &codePoint, llvm::strictConversion) !=
        llvm::conversionOK)
      return std::nullopt;
    const int byte = qvlfmt::byteOfCodePoint(codePoint);
    if (byte < 0)
      return std::nullopt;
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

namespace {
/// Builds the tables step by step; every step returns its first problem.
class TableBuilder {
public:
  TableBuilder(const TokenizerSource &source, llvm::StringRef file, uint32_t idLimit)
      : source(source), file(file), idLimit(idLimit) {}

  llvm::Expected<TokenizerTables> build() {
    if (llvm::Error error = addVocabulary())
      return std::move(error);
    if (llvm::Error error = addAddedTokens())
      return std::move(error);
    if (llvm::Error error = layOutPieces())
      return std::move(error);
    if (llvm::Error error = findBytes())
      return std::move(error);
    if (llvm::Error error = addMerges())
      return std::move(error);
    return std::move(tables);
  }

private:
  llvm::Error setPiece(uint32_t id, std::string bytes, llvm::StringRef token);
  llvm::Error addVocabulary();
  llvm::Error addAddedTokens();
  llvm::Error layOutPieces();
  llvm::Error findBytes();
  llvm::Error addMerges();
  llvm::Error checkDistinct();
  uint32_t idOf(llvm::StringRef token) const;

  const TokenizerSource &source;
  llvm::StringRef file;
  uint32_t idLimit;
  std::vector<std::optional<std::string>> pieces; // by id
  TokenizerTables tables;
};
} // namespace

uint32_t TableBuilder::idOf(llvm::StringRef token) const {
  const auto entry = source.vocabulary.find(token);
  return entry == source.vocabulary.end() ? kNoId : entry->second;
}

llvm::Error TableBuilder::setPiece(uint32_t id, std::string bytes, llvm::StringRef token) {
  if (id >= idLimit)
    return badInput(file, "token '" + token + "' has id " + llvm::Twine(id) +
                              ", vocab_size in config.json is " + llvm::Twine(idLimit));
  if (id >= pieces.size())
    pieces.resize(id + 1);
  if (pieces[id] && *pieces[id] != bytes)
    return badInput(file,
                    "id " + llvm::Twine(id) + " stands for two tokens, one is '" + token + "'");
  pieces[id] = std::move(bytes);
  return llvm::Error::success();
}

llvm::Error TableBuilder::addVocabulary() {
  for (const auto &entry : source.vocabulary) {
    std::optional<std::string> bytes = undoByteMap(entry.getKey());
    if (!bytes)
      return badInput(file, "token '" + entry.getKey() + "' is not in the byte map");
    if (llvm::Error error = setPiece(entry.second, std::move(*bytes), entry.getKey()))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error TableBuilder::addAddedTokens() {
  tables.addedTokens = source.addedTokens;
  llvm::sort(tables.addedTokens,
             [](const AddedToken &a, const AddedToken &b) { return a.id < b.id; });
  llvm::StringSet<> contents;
  uint32_t previous = kNoId;
  for (const AddedToken &token : tables.addedTokens) {
    if (token.id == previous || !contents.insert(token.content).second)
      return badInput(file, "the added token '" + token.content + "' or its id occurs twice");
    previous = token.id;
    if (llvm::Error error = setPiece(token.id, token.content, token.content))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error TableBuilder::layOutPieces() {
  tables.pieceOffsets.push_back(0);
  for (const std::optional<std::string> &piece : pieces) {
    if (piece)
      tables.pieceBytes.insert(tables.pieceBytes.end(), piece->begin(), piece->end());
    if (tables.pieceBytes.size() > std::numeric_limits<int32_t>::max())
      return badInput(file, "the tokens are longer than 2 GiB");
    tables.pieceOffsets.push_back(static_cast<uint32_t>(tables.pieceBytes.size()));
  }
  return llvm::Error::success();
}

llvm::Error TableBuilder::findBytes() {
  tables.byteIds.fill(kNoId);
  for (const auto &entry : source.vocabulary) {
    const llvm::StringRef piece = tables.piece(entry.second);
    if (piece.size() == 1)
      tables.byteIds[static_cast<uint8_t>(piece[0])] = entry.second;
  }
  for (unsigned byte = 0; byte < tables.byteIds.size(); ++byte)
    if (tables.byteIds[byte] == kNoId)
      return badInput(file, "no token for the single byte " + llvm::Twine(byte));
  return llvm::Error::success();
}

llvm::Error TableBuilder::addMerges() {
  for (const auto &[rank, merge] : llvm::enumerate(source.merges)) {
    const auto &[left, right] = merge;
    const TokenizerTables::Merge ids = {idOf(left), idOf(right), idOf(left + right),
                                        static_cast<uint32_t>(rank)};
    if (ids.left == kNoId || ids.right == kNoId || ids.result == kNoId)
      return badInput(file, "merge " + llvm::Twine(rank) + " ('" + left + "' and '" + right +
                                "') has a part or a result that is no token");
    tables.merges.push_back(ids);
  }
  llvm::sort(tables.merges, [](const auto &a, const auto &b) {
    return std::tie(a.left, a.right, a.rank) < std::tie(b.left, b.right, b.rank);
  });
  return checkDistinct();
}

llvm::Error TableBuilder::checkDistinct() {
  const auto twin = std::adjacent_find(
      tables.merges.begin(), tables.merges.end(),
      [](const auto &a, const auto &b) { return a.left == b.left && a.right == b.right; });
  if (twin == tables.merges.end())
    return llvm::Error::success();
  return badInput(file, "merges " + llvm::Twine(twin[0].rank) + " and " +
                            llvm::Twine(twin[1].rank) + " are the same pair");
}

llvm::Expected<TokenizerTables> qvl::buildTokenizerTables(const TokenizerSource &source,
                                                          llvm::StringRef file, uint32_t idLimit) {
  return TableBuilder(source, file, idLimit).build();
}
