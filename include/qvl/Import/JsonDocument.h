// Typed access to JSON files that may be malformed or hostile.
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qvl {

/// True when `path` exists as anything but a directory.
bool fileExists(llvm::StringRef path);

/// `directory`/`name`
std::string pathIn(llvm::StringRef directory, llvm::StringRef name);

/// Reads a regular file of at most `maxBytes`. Errors: BadInput when it is missing, no regular file
/// or too large; System when reading fails.
llvm::Expected<std::string> readTextFile(llvm::StringRef path, uint64_t maxBytes);

/// Parses a JSON object. Refuses deep nesting, which would exhaust the parser's stack, and a name
/// that occurs twice at the top level, where one of the two would be lost silently.
llvm::Expected<llvm::json::Object> parseJsonObject(llvm::StringRef json, llvm::StringRef file);

/// readTextFile and parseJsonObject with the size limit of configuration files.
llvm::Expected<llvm::json::Object> readJsonObject(llvm::StringRef path);

/// The same for a file that may be missing, which is as good as an empty object.
llvm::Expected<llvm::json::Object> readOptionalJsonObject(llvm::StringRef path);

/// Inclusive bounds of an integer field.
struct IntegerRange {
  int64_t least;
  int64_t most;
};

/// Keeps the first problem of a file, so that a reader can be a plain list of fields.
class JsonProblems {
public:
  explicit JsonProblems(llvm::StringRef file) : file(file) {}
  void add(const llvm::Twine &cause);
  /// Success when there was no problem.
  llvm::Error take() const;

private:
  std::string file;
  std::optional<std::string> first;
};

/// Fields of an object with other objects as fall-back; a null counts as absent. A getter without
/// `fallback` reports a missing field; every getter reports a wrong type or value, and then
/// returns the fallback or zero.
class JsonFields {
public:
  /// `where` starts every key in messages ("vision_config.", or empty).
  JsonFields(JsonProblems &problems, llvm::StringRef where,
             llvm::ArrayRef<const llvm::json::Object *> objects);

  /// The first value under `key`, or null.
  const llvm::json::Value *find(llvm::StringRef key) const;
  /// The value under the first of `keys` that is there; reported under the last name.
  int64_t integer(llvm::ArrayRef<llvm::StringRef> keys, IntegerRange range,
                  std::optional<int64_t> fallback = std::nullopt) const;
  int64_t integer(llvm::StringRef key, IntegerRange range,
                  std::optional<int64_t> fallback = std::nullopt) const;
  /// One integer or a list of them.
  std::vector<int64_t> integers(llvm::StringRef key, IntegerRange range,
                                std::optional<std::vector<int64_t>> fallback = std::nullopt) const;
  double number(llvm::StringRef key, std::optional<double> fallback = std::nullopt) const;
  std::vector<double> numbers(llvm::StringRef key, std::vector<double> fallback) const;
  bool boolean(llvm::StringRef key, bool fallback) const;
  std::string string(llvm::StringRef key, llvm::StringRef fallback) const;
  /// Null when absent.
  const llvm::json::Object *object(llvm::StringRef key) const;

  /// Records "WHERE.KEY: cause".
  void report(llvm::StringRef key, const llvm::Twine &cause) const;

private:
  template <typename T> T missing(llvm::StringRef key, std::optional<T> fallback) const;

  JsonProblems &problems;
  std::string where;
  llvm::SmallVector<const llvm::json::Object *, 2> objects;
};

} // namespace qvl
