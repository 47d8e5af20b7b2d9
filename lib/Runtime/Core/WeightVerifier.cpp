#include "ArtifactVerifier.h"
#include "ElementTypes.h"
#include "FlatbufferViews.h"
#include "qvlfmt/Version.h"
#include "qvlrt/status.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include <set>
#include <string_view>

namespace qvlrt {

namespace {

/// Two halves of `rows` rows can take turns in a panel in blocks of `interleave`, or need not.
bool isInterleave(std::int64_t interleave, std::int64_t panelRows, std::int64_t rows) {
  return interleave == 0 || (interleave > 0 && panelRows % (2 * interleave) == 0 && rows % 2 == 0);
}

/// Bytes that a weight's encoding stores for its logical shape; the status says what contradicts.
absl::StatusOr<std::uint64_t> encodedBytes(const qvlfmt::Weight &weight) {
  std::span<const std::int64_t> shape = spanOf(weight.shape());
  if (shape.size() > kMaxRank)
    return absl::InvalidArgumentError(absl::StrCat("rank ", shape.size()));
  const qvlfmt::Encoding *encoding = weight.encoding();
  if (!encoding || !isElementType(encoding->element()))
    return absl::InvalidArgumentError("no valid encoding");
  std::optional<std::uint64_t> dense = tensorBytes(shape, encoding->element());
  if (!dense || *dense > kMaxTensorBytes)
    return absl::InvalidArgumentError("a shape that no memory holds");
  if (encoding->panel_n() == 0 && weight.interleave() == 0)
    return *dense;

  if (encoding->panel_n() < 1 || encoding->k_group() < 1 || shape.size() != 2)
    return absl::InvalidArgumentError(absl::StrCat(
        "panels of ", encoding->panel_n(), " x ", encoding->k_group(), " for rank ", shape.size()));
  if (!isInterleave(weight.interleave(), encoding->panel_n(), shape[0]))
    return absl::InvalidArgumentError(absl::StrCat("blocks of ", weight.interleave(),
                                                   " rows do not take turns in panels of ",
                                                   encoding->panel_n(), " for ", shape[0]));
  const std::int64_t padded[] = {encoding->pad_n(), encoding->pad_k()};
  if (padded[0] < shape[0] || padded[1] < shape[1] || padded[0] % encoding->panel_n() != 0 ||
      padded[1] % encoding->k_group() != 0)
    return absl::InvalidArgumentError(absl::StrCat("padding ", padded[0], " x ", padded[1],
                                                   " does not fit shape ", shape[0], " x ",
                                                   shape[1], " in its panels"));
  std::optional<std::uint64_t> stored = tensorBytes(padded, encoding->element());
  if (!stored || *stored > kMaxTensorBytes)
    return absl::InvalidArgumentError("a padded shape that no memory holds");
  return *stored;
}

absl::Status checkWeight(const qvlfmt::Weight &weight, WeightArea area) {
  absl::StatusOr<std::uint64_t> expected = encodedBytes(weight);
  if (!expected.ok())
    return expected.status();
  if (weight.bytes() != *expected)
    return absl::InvalidArgumentError(
        absl::StrCat(weight.bytes(), " bytes, its encoding stores ", *expected));
  if (weight.offset() % qvlfmt::kWeightAlignment != 0)
    return absl::InvalidArgumentError(absl::StrCat(
        "offset ", weight.offset(), " is not a multiple of ", qvlfmt::kWeightAlignment));
  if (weight.offset() < area.begin || weight.offset() > area.end ||
      weight.bytes() > area.end - weight.offset())
    return absl::InvalidArgumentError(absl::StrCat(weight.bytes(), " bytes at ", weight.offset(),
                                                   " leave the weights, ", area.begin, " to ",
                                                   area.end));
  return absl::OkStatus();
}

} // namespace

absl::Status verifyWeights(const qvlfmt::Artifact &artifact, WeightArea area) {
  std::set<std::string_view> names;
  for (std::uint32_t i = 0; i < countOf(artifact.weights()); ++i) {
    const qvlfmt::Weight &weight = *artifact.weights()->Get(i);
    absl::Status status = checkWeight(weight, area);
    if (status.ok() && !names.insert(viewOf(weight.name())).second)
      status = absl::InvalidArgumentError("the name occurs twice");
    if (!status.ok())
      return absl::InvalidArgumentError(
          absl::StrCat("weight ", i, " (", weight.name()->c_str(), "): ", status.message()));
  }
  return absl::OkStatus();
}

} // namespace qvlrt
