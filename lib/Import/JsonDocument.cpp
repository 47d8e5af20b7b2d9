#include "qvl/Import/JsonDocument.h"
#include "qvl/Import/Failure.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace qvl;
namespace json = llvm::json;

/// Configuration files of real checkpoints stay below 20 MB (tokenizer.json).
static constexpr uint64_t kMaxConfigBytes = 200'000'000;
/// The files of a checkpoint nest five deep.
static constexpr unsigned kMaxNesting = 64;

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

bool qvl::fileExists(llvm::StringRef path) {
  return llvm::sys::fs::exists(path) && !llvm::sys::fs::is_directory(path);
}

std::string qvl::pathIn(llvm::StringRef directory, llvm::StringRef name) {
  llvm::SmallString<256> path(directory);
  llvm::sys::path::append(path, name);
  return std::string(path);
}

llvm::Expected<std::string> qvl::readTextFile(llvm::StringRef path, uint64_t maxBytes) {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(path, status))
    return badInput(path, error.message());
  // Anything else could block or never end.
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return badInput(path, "not a regular file");
  if (status.getSize() > maxBytes)
    return badInput(path, "holds " + llvm::Twine(status.getSize()) + " bytes, the limit is " +
                              llvm::Twine(maxBytes));
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false, /*IsVolatile=*/true);
  if (!buffer)
    return systemFailure(path, "cannot read", buffer.getError());
  return (*buffer)->getBuffer().str();
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

namespace {
/// What a scan of the text shows that the parser would not report.
struct JsonOutline {
  unsigned nesting = 0;
  std::vector<llvm::StringRef> topLevelNames; ///< as spelled, escapes included
};
} // namespace

/// The index behind the string that opens at `quote`.
static size_t skipString(llvm::StringRef json, size_t quote) {
  size_t i = quote + 1;
  while (i < json.size() && json[i] != '"')
    i += json[i] == '\\' ? 2 : 1;
  return std::min(i + 1, json.size());
}

/// Scans without judging the syntax: that is the parser's part.
static JsonOutline outline(llvm::StringRef json) {
  JsonOutline result;
  unsigned depth = 0;
  llvm::StringRef lastString;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') {
      const size_t end = skipString(json, i);
      lastString = json.slice(i + 1, end - 1);
      i = end - 1;
    } else if (c == '{' || c == '[') {
      result.nesting = std::max(result.nesting, ++depth);
    } else if (c == '}' || c == ']') {
      depth -= depth > 0;
    } else if (c == ':' && depth == 1) {
      result.topLevelNames.push_back(lastString);
    }
  }
  return result;
}

static llvm::Error checkOutline(llvm::StringRef json, llvm::StringRef file) {
  const JsonOutline shape = outline(json);
  if (shape.nesting > kMaxNesting)
    return badInput(file, "nested " + llvm::Twine(shape.nesting) + " deep, the limit is " +
                              llvm::Twine(kMaxNesting));
  llvm::StringSet<> names;
  for (llvm::StringRef name : shape.topLevelNames)
    if (!names.insert(name).second)
      return badInput(file, "'" + name + "' occurs twice");
  return llvm::Error::success();
}

llvm::Expected<json::Object> qvl::parseJsonObject(llvm::StringRef json, llvm::StringRef file) {
  if (llvm::Error error = checkOutline(json, file))
    return std::move(error);
  llvm::Expected<json::Value> value = json::parse(json);
  if (!value)
    return badInput(file, "no valid JSON: " + llvm::toString(value.takeError()));
  json::Object *object = value->getAsObject();
  if (!object)
    return badInput(file, "not a JSON object");
  return std::move(*object);
}

llvm::Expected<json::Object> qvl::readJsonObject(llvm::StringRef path) {
  llvm::Expected<std::string> text = readTextFile(path, kMaxConfigBytes);
  if (!text)
    return text.takeError();
  return parseJsonObject(*text, path);
}

llvm::Expected<json::Object> qvl::readOptionalJsonObject(llvm::StringRef path) {
  if (!fileExists(path))
    return json::Object();
  return readJsonObject(path);
}

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

void JsonProblems::add(const llvm::Twine &cause) {
  if (!first)
    first = cause.str();
}

llvm::Error JsonProblems::take() const {
  return first ? badInput(file, *first) : llvm::Error::success();
}

JsonFields::JsonFields(JsonProblems &problems, llvm::StringRef where,
                       llvm::ArrayRef<const json::Object *> objects)
    : problems(problems), where(where) {
  for (const json::Object *object : objects)
    if (object)
      this->objects.push_back(object);
}

void JsonFields::report(llvm::StringRef key, const llvm::Twine &cause) const {
  problems.add(where + key + ": " + cause);
}

const json::Value *JsonFields::find(llvm::StringRef key) const {
  for (const json::Object *object : objects) {
    const json::Value *value = object->get(key);
    if (value && value->kind() != json::Value::Null)
      return value;
  }
  return nullptr;
}

template <typename T> T JsonFields::missing(llvm::StringRef key, std::optional<T> fallback) const {
  if (!fallback)
    report(key, "missing");
  return fallback.value_or(T{});
}

/// Reports and returns nothing unless `value` is an integer in `range`.
static std::optional<int64_t> integerOf(const json::Value &value, llvm::StringRef key,
                                        IntegerRange range, const JsonFields &fields) {
  const std::optional<int64_t> number = value.getAsInteger();
  if (number && *number >= range.least && *number <= range.most)
    return number;
  std::string given;
  llvm::raw_string_ostream(given) << value;
  fields.report(key, llvm::StringRef(given).take_front(40) + " is no integer from " +
                         llvm::Twine(range.least) + " to " + llvm::Twine(range.most));
  return std::nullopt;
}

int64_t JsonFields::integer(llvm::ArrayRef<llvm::StringRef> keys, IntegerRange range,
                            std::optional<int64_t> fallback) const {
  for (llvm::StringRef key : keys)
    if (const json::Value *value = find(key))
      return integerOf(*value, key, range, *this).value_or(fallback.value_or(0));
  return missing(keys.back(), fallback);
}

int64_t JsonFields::integer(llvm::StringRef key, IntegerRange range,
                            std::optional<int64_t> fallback) const {
  return integer(llvm::ArrayRef<llvm::StringRef>(key), range, fallback);
}

std::vector<int64_t> JsonFields::integers(llvm::StringRef key, IntegerRange range,
                                          std::optional<std::vector<int64_t>> fallback) const {
  const json::Value *value = find(key);
  if (!value)
    return missing(key, std::move(fallback));
  std::vector<int64_t> result;
  const json::Array single = value->getAsArray() ? json::Array() : json::Array{*value};
  for (const json::Value &entry : value->getAsArray() ? *value->getAsArray() : single)
    result.push_back(integerOf(entry, key, range, *this).value_or(range.least));
  return result;
}

double JsonFields::number(llvm::StringRef key, std::optional<double> fallback) const {
  const json::Value *value = find(key);
  if (!value)
    return missing(key, fallback);
  const std::optional<double> number = value->getAsNumber();
  if (!number || !std::isfinite(*number))
    report(key, "not a finite number");
  return number.value_or(0);
}

std::vector<double> JsonFields::numbers(llvm::StringRef key, std::vector<double> fallback) const {
  const json::Value *value = find(key);
  if (!value)
    return fallback;
  const json::Array *array = value->getAsArray();
  if (!array || array->size() != fallback.size()) {
    report(key, "not a list of " + llvm::Twine(fallback.size()) + " numbers");
    return fallback;
  }
  std::vector<double> result;
  for (const json::Value &entry : *array) {
    const std::optional<double> number = entry.getAsNumber();
    if (!number || !std::isfinite(*number))
      report(key, "holds something else than finite numbers");
    result.push_back(number.value_or(0));
  }
  return result;
}

bool JsonFields::boolean(llvm::StringRef key, bool fallback) const {
  const json::Value *value = find(key);
  if (!value)
    return fallback;
  const std::optional<bool> boolean = value->getAsBoolean();
  if (!boolean)
    report(key, "neither true nor false");
  return boolean.value_or(fallback);
}

std::string JsonFields::string(llvm::StringRef key, llvm::StringRef fallback) const {
  const json::Value *value = find(key);
  if (!value)
    return fallback.str();
  const std::optional<llvm::StringRef> string = value->getAsString();
  if (!string)
    report(key, "not a string");
  return string.value_or(fallback).str();
}

const json::Object *JsonFields::object(llvm::StringRef key) const {
  const json::Value *value = find(key);
  if (!value)
    return nullptr;
  if (!value->getAsObject())
    report(key, "not an object");
  return value->getAsObject();
}
