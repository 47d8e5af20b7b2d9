// The tokens of one sequence.
#include "qvlrt/session.h"

#include <utility>

namespace qvlrt {

SequenceState::SequenceState(const ProcessedRequest &request, std::int64_t firstFeature,
                             KvSequence cache)
    : tokenIds(request.ids), promptPositions(request.positions), featureRows(request.featureRows),
      promptTokens(request.ids.size()), ropeDelta(request.ropeDelta), kv(std::move(cache)) {
  for (std::int32_t &row : featureRows)
    if (row >= 0)
      row += static_cast<std::int32_t>(firstFeature);
}

void SequenceState::append(std::int64_t id) { tokenIds.push_back(id); }

std::int32_t SequenceState::position(int axis, std::int64_t index) const {
  // A generated token has the same position on all axes (the model specification, section 7.2).
  return index < promptTokens ? promptPositions[axis * promptTokens + index]
                              : static_cast<std::int32_t>(index + ropeDelta);
}

std::int32_t SequenceState::featureRow(std::int64_t index) const {
  return index < promptTokens ? featureRows[index] : -1;
}

} // namespace qvlrt
