// Changes of PTX text by whole words and lines, so that more of it still parses than after changes
// of bytes.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace qvlsim::test {

/// Makes random changes, the same ones for the same seed.
class PtxMutator {
public:
  explicit PtxMutator(unsigned seed) : random(seed) {}

  /// Puts a word of the text in the place of another of its kind, or another number in the place of
  /// one, or drops, doubles or swaps lines.
  std::string change(std::string_view text);

private:
  std::size_t below(std::size_t count) { return random() % count; }
  std::string number();
  std::string changeWord(std::string_view text);
  std::string changeLines(std::string_view text);

  std::minstd_rand random;
};

} // namespace qvlsim::test
