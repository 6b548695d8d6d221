// Sequential reading of weights, with the memory of a buffer.
import Checkpoints
import Compute
import Foundation
import Testing

@Suite struct TensorStreamTests {
  private let directory = try! TemporaryDirectory()

  @Test(
    "Values read in pieces of any length are those of the tensors.", arguments: ["w.safetensors", "w.safetensors.zst"])
  func piecesOfAnyLengthAreTheTensors(name: String) throws {
    let vector = someVector()
    let url = directory.file(name)
    try WeightsFile.write(vector.namedTensors, to: url)
    let stream = try TensorStream(url)
    let names = someTable.parameters.map(\.name).sorted()
    #expect(stream.header.entries.map(\.name) == names)
    var (values, size) = ([Float](), 1)
    while values.count < someTable.scalarCount {
      var piece = [Float](repeating: 0, count: min(size, someTable.scalarCount - values.count))
      try piece.withUnsafeMutableBytes { try stream.read(into: $0) }
      values += piece
      size = size * 3 % 1013 + 1
    }
    try stream.finish()
    #expect(values == names.flatMap { Array(vector[$0]) })
    withExtendedLifetime(vector) {}
  }

  @Test("Vectors are filled, and other tensors of the file are skipped.")
  func vectorsAreFilledAndOthersPassedOver() throws {
    let vector = someVector()
    let url = directory.file("w.safetensors.zst")
    try WeightsFile.write(vector.namedTensors, to: url)
    let (some, rest) = (
      ParameterVector(ParameterTable([someTable.parameters[3]])),
      ParameterVector(ParameterTable([someTable.parameters[0]]))
    )
    try TensorStream(url).fill([some, rest])
    #expect(some.values == [vector.values[3]] && rest.values == [vector.values[0]])
    let other = ParameterVector(ParameterTable([someTable.parameters[0], ParameterSpec("absent", [3], .bias)]))
    #expect(throws: CheckpointError.self) { try TensorStream(url).fill([other]) }
    #expect(other.values.allSatisfy { $0.allSatisfy { $0 == 0 } }, "nothing is changed where something is missing")
  }

  @Test("The error of a truncated file names the file.")
  func cutFilesAreNamedWithTheTensor() throws {
    let url = directory.file("w.safetensors")
    try WeightsFile.write(someVector().namedTensors, to: url)
    var bytes = try Data(contentsOf: url)
    bytes.append(contentsOf: [0, 0])
    // The size of a plain file is available beforehand; that of a compressed one is not.
    let packed = directory.file("longer.safetensors.zst")
    for (content, words) in [(bytes, "bytes follow"), (bytes.dropLast(40), "the file ends after")] {
      let sink = try ZstdSink(FileSink(packed.path))
      try content.withUnsafeBytes { try sink.write($0) }
      try sink.finish()
      do {
        try TensorStream(packed).fill([ParameterVector(someTable)])
        Issue.record("read to its end: \(words)")
      } catch { #expect("\(error)".contains(words) && "\(error)".contains(packed.path), "\(error)") }
    }
  }

  @Test("Reading 200 MB through a buffer of 1 MB does not grow the process.")
  func aBufferIsEnoughForAnySize() throws {
    let table = ParameterTable([
      ParameterSpec("a", [25, 1 << 20], .weight), ParameterSpec("b", [25, 1 << 20], .weight),
    ])
    let url = directory.file("large.safetensors.zst")
    do {
      let zeros = [Float](repeating: 0.5, count: 1 << 18)
      try WeightsFile.write(
        table.parameters.map { parameter in
          TensorToWrite(name: parameter.name, shape: parameter.shape) { body in
            for _ in 0..<100 { try zeros.withUnsafeBytes { try body($0) } }
          }
        }, to: url)
    }
    let stream = try TensorStream(url)
    var buffer = [Float](repeating: 0, count: 1 << 18)
    try buffer.withUnsafeMutableBytes { try stream.read(into: $0) }
    let before = residentBytes
    var largest = before
    for _ in 1..<200 {
      try buffer.withUnsafeMutableBytes { try stream.read(into: $0) }
      largest = max(largest, residentBytes)
    }
    try stream.finish()
    #expect(buffer.allSatisfy { $0 == 0.5 })
    #expect(before > 0 && largest - before < 16 << 20, "grown by \((largest - before) >> 20) MB while 200 MB were read")
  }

  private var residentBytes: Int {
    let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
  }
}
