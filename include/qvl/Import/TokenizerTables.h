// The tokenizer of a checkpoint as the tables that an artifact holds (the model specification,
// sections 3.1, 3.2 and 3.4).
#pragma once

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace qvl {

/// A token that is matched as a whole before the text is split.
struct AddedToken {
  uint32_t id;
  std::string content; ///< UTF-8, not in the byte map
  bool special;
};

/// Byte-level BPE as it stands in the files.
struct TokenizerSource {
  llvm::StringMap<uint32_t> vocabulary;                    ///< tokens in the printable byte map
  std::vector<std::pair<std::string, std::string>> merges; ///< in rank order, likewise
  std::vector<AddedToken> addedTokens;
};

/// The arrays of the artifact's Tokenizer table.
struct TokenizerTables {
  struct Merge {
    uint32_t left, right, result, rank;
  };
  std::array<uint32_t, 256> byteIds;   ///< byte to the id of its single-byte piece
  std::vector<uint32_t> pieceOffsets;  ///< [ids + 1]; an id without a token has an empty piece
  std::vector<uint8_t> pieceBytes;     ///< the byte map undone; added tokens in UTF-8
  std::vector<Merge> merges;           ///< sorted by (left, right), pairs distinct
  std::vector<AddedToken> addedTokens; ///< sorted by id

  /// The bytes of one token.
  llvm::StringRef piece(uint32_t id) const;
};

/// Reads tokenizer.json, else vocab.json with merges.txt and the added tokens of
/// tokenizer_config.json.
llvm::Expected<TokenizerSource> readTokenizerFiles(llvm::StringRef directory);

/// The text of a tokenizer.json. Normalizer, pre-tokenizer and model must be those of Qwen2.
llvm::Expected<TokenizerSource> parseTokenizerJson(llvm::StringRef json, llvm::StringRef file);

/// Builds and verifies the tables: ids are distinct and below `idLimit`, the 256 single bytes are
/// there, both parts and the result of every merge are there. `file` names the source in errors.
llvm::Expected<TokenizerTables> buildTokenizerTables(const TokenizerSource &source,
                                                     llvm::StringRef file, uint32_t idLimit);

} // namespace qvl
