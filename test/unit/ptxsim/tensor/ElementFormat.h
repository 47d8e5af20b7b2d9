// Number formats of matrix elements, written anew for the tests.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace qvlsim::test {

struct ElementFormat {
  std::string name; // PTX type
  unsigned bits;
  unsigned exponentBits, mantissaBits; // 0, 0: integers
};
const ElementFormat &elementFormat(const std::string &name);

/// The encoding of a value that the format holds exactly (a normal number or zero).
std::uint32_t encode(const ElementFormat &format, double value);

/// A rows x columns matrix of small integers, exact in every format; no negative ones for u8.
std::vector<double> smallMatrix(const ElementFormat &format, unsigned rows, unsigned columns,
                                unsigned seed);

/// a (m x k) times b (k x n).
std::vector<double> product(const std::vector<double> &a, const std::vector<double> &b, unsigned m,
                            unsigned n, unsigned k);

} // namespace qvlsim::test
