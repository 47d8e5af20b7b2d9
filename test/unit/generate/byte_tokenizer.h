// A tokenizer whose ids 0 to 255 are the bytes, followed by one special token.
#pragma once

#include "qvlfmt/artifact_generated.h"
#include "qvlrt/tokenizer.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace qvlrt {

class ByteTokenizer {
public:
  static constexpr std::int64_t kEnd = 256; // <|im_end|>, special
  static constexpr std::int64_t kVocabSize = 257;

  ByteTokenizer() {
    std::vector<std::uint32_t> byteIds(256), offsets(258);
    std::iota(byteIds.begin(), byteIds.end(), 0);
    std::iota(offsets.begin(), offsets.end() - 1, 0);
    offsets[257] = 256; // the added token has no piece
    std::vector<std::uint8_t> bytes(256);
    std::iota(bytes.begin(), bytes.end(), 0);
    const std::vector<qvlfmt::Merge> merges;
    const std::vector<flatbuffers::Offset<qvlfmt::AddedToken>> added{
        qvlfmt::CreateAddedTokenDirect(builder, kEnd, "<|im_end|>", true)};
    builder.Finish(
        qvlfmt::CreateTokenizerDirect(builder, &byteIds, &offsets, &bytes, &merges, &added));
  }

  absl::StatusOr<Tokenizer> create() const {
    return Tokenizer::create(*flatbuffers::GetRoot<qvlfmt::Tokenizer>(builder.GetBufferPointer()));
  }

private:
  flatbuffers::FlatBufferBuilder builder;
};

} // namespace qvlrt
