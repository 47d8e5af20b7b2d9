#include "qvlrt/byte_pair_encoder.h"

#include <ctime>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "TokenizerTables.h"
#include "qvlrt/tokenizer.h"

namespace qvlrt {
namespace {

using testing::Vocabulary;

/// The algorithm as the specification words it: scan all pairs, merge the lowest rank, the leftmost
/// on a tie.
std::vector<std::int64_t> encodeNaively(const Vocabulary &vocabulary, std::string_view chunk) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::pair<std::size_t, std::int64_t>> ranks;
  for (std::size_t rank = 0; rank < vocabulary.merges.size(); ++rank)
    ranks[{vocabulary.merges[rank].left, vocabulary.merges[rank].right}] = {
        rank, vocabulary.merges[rank].result};
  std::vector<std::int64_t> symbols;
  for (char byte : chunk)
    symbols.push_back(
        std::find(vocabulary.pieces.begin(), vocabulary.pieces.end(), std::string(1, byte)) -
        vocabulary.pieces.begin());
  while (true) {
    std::size_t best = symbols.size();
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ranks.find({symbols[i], symbols[i + 1]});
      if (found != ranks.end() &&
          (best == symbols.size() || found->second < ranks.at({symbols[best], symbols[best + 1]})))
        best = i;
    }
    if (best == symbols.size())
      return symbols;
    symbols[best] = ranks.at({symbols[best], symbols[best + 1]}).second;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

/// A vocabulary of random merges over the letters a to d, in which overlapping merges are common.
Vocabulary randomVocabulary(std::mt19937 &random) {
  Vocabulary vocabulary;
  for (int byte = 0; byte < 256; ++byte)
    vocabulary.pieces.emplace_back(1, static_cast<char>(byte));
  std::vector<std::uint32_t> usable = {'a', 'b', 'c', 'd'};
  std::map<std::string, bool> known;
  while (vocabulary.merges.size() < 24) {
    const std::uint32_t left = usable[random() % usable.size()];
    const std::uint32_t right = usable[random() % usable.size()];
    const std::string piece = vocabulary.pieces[left] + vocabulary.pieces[right];
    if (!known.emplace(piece, true).second)
      continue;
    const auto id = static_cast<std::uint32_t>(vocabulary.pieces.size());
    vocabulary.pieces.push_back(piece);
    vocabulary.merges.push_back({left, right, id});
    usable.push_back(id);
  }
  return vocabulary;
}

TEST(BytePairEncoder, AgreesWithTheNaiveAlgorithm) {
  std::mt19937 random(7);
  std::size_t merged = 0;
  for (int round = 0; round < 60; ++round) {
    const Vocabulary vocabulary = randomVocabulary(random);
    const testing::TokenizerTables tables(vocabulary);
    const Tokenizer tokenizer = Tokenizer::create(tables.get()).value();
    for (int word = 0; word < 50; ++word) {
      std::string text;
      for (std::size_t i = 0, length = 1 + random() % 40; i < length; ++i)
        text.push_back(static_cast<char>('a' + random() % 4)); // letters only: one chunk
      const auto ids = tokenizer.encode(text).value();
      ASSERT_EQ(ids, encodeNaively(vocabulary, text)) << text;
      merged += text.size() - ids.size();
    }
  }
  EXPECT_GT(merged, 1000U) << "the random vocabularies merge too little to test anything";
}

TEST(BytePairEncoder, IsNotQuadraticOnALongWord) {
  const Tokenizer tokenizer = Tokenizer::create(testing::qwenTables()).value();
  for (const char *unit : {"a", "ab", "xqzj"}) {
    std::string word;
    while (word.size() < 1'000'000)
      word += unit;
    const std::clock_t start =
        std::clock(); // processor time: other programs may keep the machine busy
    const auto ids = tokenizer.encode(word).value();
    EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC) << unit;
    EXPECT_EQ(tokenizer.decode(ids, false), word);
  }
}

} // namespace
} // namespace qvlrt
