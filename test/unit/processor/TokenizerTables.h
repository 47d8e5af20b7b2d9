// Tokenizer tables as an artifact holds them, built from vocabulary files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "qvlfmt/artifact_generated.h"

namespace qvlrt::testing {

/// What a tokenizer consists of. Ids of pieces are their places; added tokens follow.
struct Vocabulary {
  struct Merge {
    std::uint32_t left, right, result;
  };
  struct Added {
    std::uint32_t id;
    std::string content;
    bool special;
  };
  std::vector<std::string> pieces; ///< raw bytes
  std::vector<Merge> merges;       ///< in rank order
  std::vector<Added> added;
};

/// Owns the flatbuffer of one tokenizer.
class TokenizerTables {
public:
  explicit TokenizerTables(const Vocabulary &vocabulary);
  const qvlfmt::Tokenizer &get() const;

private:
  flatbuffers::DetachedBuffer buffer;
};

/// The vocabulary of the released checkpoints, derived from the public rank file (the model
/// specification, 3.1, 3.2).
Vocabulary deriveQwenVocabulary();

/// Its tables, built once for all tests.
const qvlfmt::Tokenizer &qwenTables();

/// The vocabulary of a tokenizer.json.
Vocabulary readTokenizerJson(const std::string &path);

} // namespace qvlrt::testing
