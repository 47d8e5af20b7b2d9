#include "Layouts.h"

namespace mlir::qvl::reference {

std::span<const Layout> layouts() {
  // Grids count patches: a window of 56 pixels holds 4 x 4 of them, 112 8 x 8 and 168 12 x 12.
  static const Layout all[] = {
      {"OneToken", 112, {{1, 2, 2}}},
      {"SingleRow56", 56, {{1, 2, 26}}},
      {"SingleRow168", 168, {{1, 2, 26}}},
      {"SingleColumn56", 56, {{1, 26, 2}}},
      {"SingleColumn112", 112, {{1, 14, 2}}},
      {"OneWindow56", 56, {{1, 4, 4}}},
      {"OneWindow112", 112, {{1, 8, 8}}},
      {"OneWindow168", 168, {{1, 12, 12}}},
      {"Multiple56", 56, {{1, 8, 12}}},
      {"Multiple112", 112, {{1, 16, 8}}},
      {"Multiple168", 168, {{1, 12, 24}}},
      {"PartialRows56", 56, {{1, 6, 8}}},
      {"PartialColumns112", 112, {{1, 8, 10}}},
      {"PartialBoth56", 56, {{1, 6, 10}}},
      {"PartialBoth112", 112, {{1, 10, 12}}},
      {"PartialBoth168", 168, {{1, 14, 16}}},
      {"SmallerThanAWindow", 168, {{1, 6, 4}}},
      {"TwoImages", 112, {{1, 8, 8}, {1, 6, 10}}},
      {"TwoEqualImages", 56, {{1, 6, 6}, {1, 6, 6}}},
      {"ThreeImages", 168, {{1, 2, 2}, {1, 14, 4}, {1, 4, 10}}},
      {"Video56", 56, {}, {{3, 4, 6}}},
      {"Video112", 112, {}, {{3, 8, 8}}},
      {"Video168", 168, {}, {{3, 10, 6}}},
      {"TwoVideos", 112, {}, {{3, 6, 2}, {1, 10, 4}}},
      // The first image ends at patch 4, which is no end of tokens: they are inside of the second.
      {"OneTokenThenImage", 56, {{1, 2, 2}, {1, 14, 14}}},
  };
  return all;
}

} // namespace mlir::qvl::reference
