#include "AttentionOperands.h"

namespace qvl::test {

size_t elementBytes(const std::string &element) { return element == "f32" ? 4 : 2; }

GpuBuffer encode(const std::vector<float> &values, const std::string &element) {
  if (element == "f32")
    return GpuBuffer::of<float>(values);
  std::vector<uint16_t> bits;
  for (float value : values)
    bits.push_back(toBf16(value));
  return GpuBuffer::of<uint16_t>(bits);
}

std::vector<float> decode(GpuBuffer &buffer, const std::string &element) {
  if (element == "f32")
    return {buffer.as<float>().begin(), buffer.as<float>().end()};
  std::vector<float> values;
  for (uint16_t bits : buffer.as<uint16_t>())
    values.push_back(fromBf16(bits));
  return values;
}

std::vector<float> AttentionTest::uniform(size_t count, const std::string &element) {
  std::uniform_real_distribution<float> distribution(-1, 1);
  std::vector<float> values(count);
  for (float &value : values) {
    value = distribution(random);
    if (element == "bf16")
      value = fromBf16(toBf16(value));
  }
  return values;
}

void AttentionErrors::expectNear(const std::vector<float> &result,
                                 const std::vector<double> &reference,
                                 const std::string &what) const {
  ASSERT_EQ(result.size(), reference.size()) << what;
  for (size_t i = 0; i < result.size(); ++i)
    // The comparison is false for NaN.
    ASSERT_TRUE(std::abs(result[i] - reference[i]) <= bound(reference[i]))
        << what << ", element " << i << ": " << result[i] << " for " << reference[i];
}

} // namespace qvl::test
