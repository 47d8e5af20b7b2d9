// Text to token ids and back, over the tokenizer tables of an artifact.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "qvlfmt/artifact_generated.h"
#include "qvlrt/byte_pair_encoder.h"

namespace qvlrt {

/// What to do with the text of special tokens (`<|im_start|>` ...) inside a string. The text of
/// added tokens that are not special (`<tool_call>` ...) always becomes their id.
enum class SpecialText {
  Match,  ///< it becomes the token's id (text that this program wrote)
  Literal ///< it is ordinary text (text from an untrusted source)
};

/// The tokenizer of the model (the model specification, sections 3.2 to 3.5). Holds views: the
/// tables of the artifact must outlive it. Immutable, safe to use from several threads.
class Tokenizer {
public:
  /// Checks the tables (sizes, order, ids in range) and builds the matcher of added tokens.
  /// Errors: InvalidArgument for tables that an artifact writer of this project would not write.
  static absl::StatusOr<Tokenizer> create(const qvlfmt::Tokenizer &tables);

  /// Text to ids. Invalid UTF-8 is repaired first. An empty text has no ids. Errors:
  /// InvalidArgument above 64 MiB.
  absl::StatusOr<std::vector<std::int64_t>>
  encode(std::string_view text, SpecialText specialText = SpecialText::Match) const;

  /// The first special token whose text occurs in `text`: the question behind `--allow-special`.
  std::optional<std::string_view> findSpecialText(std::string_view text) const;

  /// Ids to text. Invalid UTF-8 becomes U+FFFD; ids without a token give nothing.
  std::string decode(std::span<const std::int64_t> ids, bool skipSpecial) const;

  /// The bytes of one token, possibly a part of a character; empty for an id without a token.
  std::string_view tokenBytes(std::int64_t id) const;

  /// True for the ids flagged special (151643 to 151656 in the published vocabulary).
  bool isSpecial(std::int64_t id) const;

  /// The id of an added token by its text.
  std::optional<std::int64_t> addedTokenId(std::string_view content) const;

private:
  struct Added {
    std::int64_t id;
    std::string_view content;
    bool special;
  };

  explicit Tokenizer(BytePairEncoder encoder) : encoder(encoder) {}
  void buildMatcher();
  const Added *addedById(std::int64_t id) const;
  const Added *matchAdded(std::string_view text, std::size_t position,
                          SpecialText specialText) const;
  void encodePiece(std::string_view piece, std::vector<std::int64_t> &ids) const;

  BytePairEncoder encoder;
  std::span<const std::uint32_t> pieceOffsets;
  std::string_view pieceBytes;
  std::vector<Added> added;                // sorted by id
  std::vector<std::uint32_t> longestFirst; // indices of `added`
  bool startsAdded[256] = {};              // bytes that begin an added token
};

/// Decodes a stream of ids into text that is valid UTF-8 at every step.
class StreamingDecoder {
public:
  StreamingDecoder(const Tokenizer &tokenizer, bool skipSpecial)
      : tokenizer(&tokenizer), skipSpecial(skipSpecial) {}

  /// The text that `id` completes. An incomplete character at the end (up to 3 bytes) is held back.
  std::string push(std::int64_t id);

  /// The end of the stream: what is still held back, as U+FFFD.
  std::string finish();

private:
  const Tokenizer *tokenizer;
  bool skipSpecial;
  std::string pending;
};

} // namespace qvlrt
