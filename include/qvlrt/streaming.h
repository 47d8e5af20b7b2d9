// From ids to text that may be shown: whole characters only, and nothing that a stop string could
// still take back.
#pragma once

#include "absl/status/status.h"
#include "qvlrt/tokenizer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qvlrt {

/// InvalidArgument for an empty stop string or one that is not UTF-8 and so could never match.
absl::Status validateStopStrings(const std::vector<std::string> &stops);

/// Finds the first stop string in text that arrives in pieces, and ends the text before it.
/// "First" is the match that is complete first, the longest of those that end together, so that
/// the result does not depend on how the text was cut into pieces.
class StopStringMatcher {
public:
  explicit StopStringMatcher(std::vector<std::string> stops);

  /// The text that is now certain not to belong to a stop string. Nothing once stopped.
  std::string push(std::string_view text);

  /// Ends the input: what was held back because it could have become a stop string.
  std::string finish();

  /// True once a stop string was found; it and what follows it are not part of the text.
  bool stopped() const { return hasStopped; }

private:
  bool cutAtMatch(std::size_t end);

  std::vector<std::string> longestFirst;
  std::string held; // the longest end of the input that begins a stop string
  bool hasStopped = false;
};

/// The text of one answer as it grows, special tokens dropped. The pieces it releases concatenate
/// to the final text. The tokenizer must outlive it.
class TextStream {
public:
  TextStream(const Tokenizer &tokenizer, std::vector<std::string> stops)
      : decoder(tokenizer, /*skipSpecial=*/true), matcher(std::move(stops)) {}

  /// Adds a token and returns the text that can be released.
  std::string push(std::int64_t id);

  /// Ends the answer and returns the rest of the text.
  std::string finish();

  bool stopped() const { return matcher.stopped(); }

  /// All text released so far; the final text after finish().
  const std::string &text() const { return released; }

private:
  std::string release(std::string piece);

  StreamingDecoder decoder;
  StopStringMatcher matcher;
  std::string released;
};

} // namespace qvlrt
