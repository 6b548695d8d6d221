// The reader of model.yml and model.yml.gz of OpenCV's StructuredEdgeDetection: options, then arrays of numbers with a
// sequence per tree. The published model has about ten million numbers, so they are streamed without building a YAML
// tree.
import Foundation

extension StructuredForest {
  /// Reads the model in a file, which may be compressed.
  ///
  /// Throws `unreadableModel`, `badModel` for text of another form, and `unfitModel` for inconsistent numbers, such as
  /// nodes that lead nowhere and features or votes outside the patch.
  package init(file: String) throws(ProposalError) {
    var text = ModelText(file: file, bytes: try GzipFile.read(file))
    try self.init(&text)
  }

  /// Reads the model in a text. Errors name `file`.
  package init(text: String, file: String) throws(ProposalError) {
    var text = ModelText(file: file, bytes: Array(text.utf8))
    try self.init(&text)
  }

  private init(_ text: inout ModelText) throws(ProposalError) {
    var options = Options()
    var (childs, featureIds, edgeBoundaries, edgeBins) = ([Int32](), [Int32](), [Int32](), [Int32]())
    var thresholds: [Float] = []
    var seen: Set<String> = []
    while let key = try text.nextKey() {
      if !seen.insert(key).inserted { throw text.fault("\(key) occurs here a second time") }
      switch key {
      case "childs": childs = try text.numbers().map { Int32($0) }
      case "featureIds": featureIds = try text.numbers().map { Int32($0) }
      case "thresholds": thresholds = try text.numbers().map { Float($0) }
      case "edgeBoundaries": edgeBoundaries = try text.numbers().map { Int32($0) }
      case "edgeBins": edgeBins = try text.numbers().map { Int32($0) }
      case "options": break
      default:
        guard let path = Self.optionPaths[key] else { try text.skip(); continue }
        let values = try text.numbers()
        guard values.count == 1, (0...4096).contains(values[0]), values[0] == values[0].rounded() else {
          throw text.fault("\(key) must be one whole number of 0 to 4096")
        }
        options[keyPath: path] = Int(values[0])
      }
    }
    let needed = Self.optionPaths.keys.sorted() + ["childs", "featureIds", "thresholds", "edgeBoundaries", "edgeBins"]
    if let missing = needed.first(where: { !seen.contains($0) }) {
      throw .unfitModel(file: text.file, reason: "\(missing) is missing")
    }
    self.options = options
    nodesOfTree = options.numberOfTrees > 0 ? childs.count / options.numberOfTrees : 0
    self.childs = childs
    self.featureIds = featureIds
    self.thresholds = thresholds
    self.edgeBoundaries = edgeBoundaries
    let inner = max(1, options.patchInnerSize * options.patchInnerSize)
    // The orientation of an edge does not matter, because the votes for all are summed.
    let bad = edgeBins.firstIndex { $0 < 0 || Int($0) >= inner * max(1, options.channels) }
    self.edgeBins = bad == nil && inner <= 65_536 ? edgeBins.map { UInt16(Int($0) % inner) } : []
    if let bad {
      throw .unfitModel(
        file: text.file, reason: "edgeBins has \(edgeBins[bad]), outside the patch's middle of \(inner) pixels")
    }
    try check(file: text.file)
  }

  private nonisolated(unsafe) static let optionPaths: [String: WritableKeyPath<Options, Int>] = [
    "stride": \.stride, "shrinkNumber": \.shrinkNumber, "patchSize": \.patchSize, "patchInnerSize": \.patchInnerSize,
    "numberOfGradientOrientations": \.numberOfGradientOrientations,
    "gradientSmoothingRadius": \.gradientSmoothingRadius, "regFeatureSmoothingRadius": \.regFeatureSmoothingRadius,
    "ssFeatureSmoothingRadius": \.ssFeatureSmoothingRadius,
    "gradientNormalizationRadius": \.gradientNormalizationRadius, "selfsimilarityGridSize": \.selfsimilarityGridSize,
    "numberOfTrees": \.numberOfTrees, "numberOfTreesToEvaluate": \.numberOfTreesToEvaluate,
  ]

  /// Checks everything on which inference relies.
  private func check(file: String) throws(ProposalError) {
    func need(_ holds: Bool, _ reason: @autoclosure () -> String) throws(ProposalError) {
      if !holds { throw .unfitModel(file: file, reason: reason()) }
    }
    let o = options
    try need(
      o.stride > 0 && o.shrinkNumber > 0 && o.numberOfTrees > 0 && o.numberOfTreesToEvaluate > 0
        && o.selfsimilarityGridSize > 0 && o.numberOfGradientOrientations > 0,
      "stride, shrinkNumber, numberOfTrees, numberOfTreesToEvaluate, selfsimilarityGridSize and "
        + "numberOfGradientOrientations must be above 0")
    try need(
      o.patchSize % o.shrinkNumber == 0 && o.patchInnerSize > 0 && o.patchInnerSize <= o.patchSize
        && (o.patchSize - o.patchInnerSize) % 2 == 0 && o.patchSize <= 256 && o.stride % o.shrinkNumber == 0
        && o.patchInnerSize % o.shrinkNumber == 0 && o.cells >= o.selfsimilarityGridSize
        && o.numberOfGradientOrientations <= 64,
      "patchSize \(o.patchSize), patchInnerSize \(o.patchInnerSize), shrinkNumber \(o.shrinkNumber), stride "
        + "\(o.stride) "
        + "and selfsimilarityGridSize \(o.selfsimilarityGridSize) do not fit each other")
    try need(
      !childs.isEmpty && childs.count % o.numberOfTrees == 0,
      "\(childs.count) nodes cannot be \(o.numberOfTrees) trees of equal size")
    try need(
      featureIds.count == childs.count && thresholds.count == childs.count && edgeBoundaries.count > childs.count,
      "for \(childs.count) nodes there are \(featureIds.count) featureIds, \(thresholds.count) thresholds and "
        + "\(edgeBoundaries.count) edgeBoundaries, one more than nodes")
    let features = o.plainFeatures + o.pairFeatures
    for node in childs.indices {
      let (child, inTree) = (Int(childs[node]), node % nodesOfTree)
      if child != 0 {
        // Children follow their parent, so that every path ends.
        try need(
          child - 1 > inTree && child < nodesOfTree,
          "node \(inTree) of tree \(node / nodesOfTree) leads to node \(child)")
        try need(
          featureIds[node] >= 0 && Int(featureIds[node]) < features,
          "node \(inTree) of tree \(node / nodesOfTree) tests feature \(featureIds[node]) of \(features)")
      }
      try need(
        edgeBoundaries[node] >= 0 && edgeBoundaries[node] <= edgeBoundaries[node + 1]
          && Int(edgeBoundaries[node + 1]) <= edgeBins.count,
        "the votes of node \(node) are \(edgeBoundaries[node])..<\(edgeBoundaries[node + 1]) of \(edgeBins.count)")
    }
  }
}

/// A scanner for the subset of YAML that OpenCV's FileStorage writes for such a model: `key: value`, and sequences of
/// numbers, in brackets or with one item per line.
private struct ModelText {
  let file: String
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1

  init(file: String, bytes: [UInt8]) {
    self.file = file
    self.bytes = bytes
  }

  func fault(_ reason: String) -> ProposalError { .badModel(file: file, line: line, reason: reason) }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 13 || byte == 10 }
  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
  private static func isLetter(_ byte: UInt8) -> Bool { (byte | 32) >= 97 && (byte | 32) <= 122 || byte == 95 }

  private mutating func advance() {
    if bytes[position] == 10 { line += 1 }
    position += 1
  }

  private mutating func skipLine() {
    while position < bytes.count && bytes[position] != 10 { position += 1 }
  }

  /// Returns the next key, or nil at the end. Skips comments, directives and document marks.
  mutating func nextKey() throws(ProposalError) -> String? {
    while position < bytes.count {
      let byte = bytes[position]
      if Self.isSpace(byte) {
        advance()
      } else if byte == 35 || byte == 37 || bytes[position...].starts(with: [45, 45, 45])
        || bytes[position...].starts(with: [46, 46, 46])
      {
        skipLine()
      } else if Self.isLetter(byte) {
        let start = position
        while position < bytes.count, Self.isLetter(bytes[position]) || Self.isDigit(bytes[position]) { position += 1 }
        let key = String(decoding: bytes[start..<position], as: UTF8.self)
        guard position < bytes.count, bytes[position] == 58 else { throw fault("there is no \":\" after \(key)") }
        position += 1
        return key
      } else {
        throw fault(
          "a key was expected, not "
            + "\"\(String(decoding: bytes[position..<min(position + 20, bytes.count)], as: UTF8.self))\""
        )
      }
    }
    return nil
  }

  /// Returns all numbers up to the next key, at any nesting.
  mutating func numbers() throws(ProposalError) -> [Double] {
    var numbers: [Double] = []
    var depth = 0
    while position < bytes.count {
      let byte = bytes[position]
      if Self.isSpace(byte) || byte == 44 {
        advance()
      } else if byte == 91 || byte == 93 {
        depth += byte == 91 ? 1 : -1
        position += 1
      } else if byte == 45, position + 1 == bytes.count || Self.isSpace(bytes[position + 1]) {
        position += 1
      } else if Self.isDigit(byte) || byte == 45 || byte == 43 || byte == 46 {
        numbers.append(try number())
      } else if Self.isLetter(byte) && depth == 0 {
        return numbers
      } else {
        throw fault(
          "a number was expected, not "
            + "\"\(String(decoding: bytes[position..<min(position + 20, bytes.count)], as: UTF8.self))\""
        )
      }
    }
    guard depth == 0 else { throw fault("the file ends within brackets: it is cut short") }
    return numbers
  }

  /// Skips the value of a key that is not needed: the rest of its line, and numbers after it.
  mutating func skip() throws(ProposalError) {
    while position < bytes.count && bytes[position] == 32 { position += 1 }
    if position < bytes.count, Self.isLetter(bytes[position]) || bytes[position] == 34 {
      skipLine()
    } else {
      _ = try numbers()
    }
  }

  private mutating func number() throws(ProposalError) -> Double {
    let start = position
    var (value, digits) = (0, 0)
    while position < bytes.count, Self.isDigit(bytes[position]), digits < 10 {
      value = value * 10 + Int(bytes[position] - 48)
      digits += 1
      position += 1
    }
    let follows = position < bytes.count ? bytes[position] : 10
    // Most numbers are small integers.
    if digits > 0 && digits < 10 && (Self.isSpace(follows) || follows == 44 || follows == 93) { return Double(value) }
    while position < bytes.count, !Self.isSpace(bytes[position]), bytes[position] != 44, bytes[position] != 93 {
      position += 1
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    // OpenCV writes whole floats as "2.".
    guard let value = Double(text.hasSuffix(".") ? text + "0" : text), value.magnitude < 2e9 else {
      throw fault("\"\(text.prefix(40))\" is not a number")
    }
    return value
  }
}
