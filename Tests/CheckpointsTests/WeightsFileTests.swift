// Tests of the weights file format, plain and compressed.
import Checkpoints
import Compute
import Foundation
import Testing

@Suite struct WeightsFileTests {
  private let directory = try! TemporaryDirectory()

  @Test("A file of weights is read back.", arguments: ["w.safetensors", "w.safetensors.zst"])
  func whatIsWrittenIsRead(name: String) throws {
    let vector = someVector()
    let url = directory.file(name)
    let written = try WeightsFile.write(vector.namedTensors, metadata: ["phase": "größer"], to: url)
    let stored = try WeightsFile.read(url)
    #expect(stored.metadata == ["phase": "größer"])
    #expect(stored.entries.map(\.name) == someTable.parameters.map(\.name).sorted())
    let other = ParameterVector(someTable)
    try stored.fill(other)
    #expect(other.values == vector.values)
    #expect(WeightsDigest.hex(of: stored.namedTensors) == WeightsDigest.hex(of: vector.namedTensors))
    let file = try FileSource.sha256(of: url.path)
    #expect(file.bytes == written.bytes && file.hex == written.sha256)
  }

  @Test("Byte tensors, scalars and empty tensors are read back.")
  func bytesAndEmptyShapesPass() throws {
    let masks: [UInt8] = [0, 1, 255, 7, 9]
    let scalar: [Float] = [2.5]
    let url = directory.file("masks.safetensors")
    try masks.withUnsafeBytes { masks in
      try scalar.withUnsafeBytes { scalar in
        _ = try WeightsFile.write(
          [
            TensorToWrite(name: "masks", element: .uint8, shape: [5, 1], bytes: masks),
            TensorToWrite(name: "z", element: .float32, shape: [], bytes: scalar),
            TensorToWrite(
              name: "none", element: .float32, shape: [3, 0], bytes: UnsafeRawBufferPointer(rebasing: scalar[..<0])),
          ], to: url)
      }
    }
    let stored = try WeightsFile.read(url)
    withExtendedLifetime(stored) { #expect(Array(stored.bytes("masks")!) == masks) }
    let z = try #require(stored["z"])
    withExtendedLifetime(z) { #expect(z.values.first == 2.5 && z.shape == []) }
    #expect(stored["none"]?.shape == [3, 0])
    #expect(stored["masks"] == nil, "bytes are not a float tensor")
  }

  /// The content is larger than all internal buffers.
  private static let largeTable = ParameterTable([
    ParameterSpec("large", [700, 1033], .weight), ParameterSpec("small", [3], .bias),
  ])

  @Test("A large file is the same for any number of compressor threads.")
  func largeFilesStream() throws {
    let vector = someVector(Self.largeTable)
    let packed = directory.file("l.safetensors.zst")
    var written: [WeightsFile.Written] = []
    for threads in [0, 1, 2, 3] {
      written.append(try WeightsFile.write(vector.namedTensors, to: packed, threads: threads))
      let other = ParameterVector(Self.largeTable)
      try WeightsFile.read(packed).fill(other)
      #expect(other.values == vector.values)
    }
    #expect(written[1] == written[2] && written[2] == written[3], "the bytes depend on the compressor's threads")
  }

  static let hasZstd = run(["zstd", "--version"]) != nil
  static let zstdNeeded: Comment = "SKIPPED: the zstd command is not installed; apt-get install zstd"

  @Test(
    "The zstd command unpacks a large file of any number of compressor threads.",
    .enabled(if: WeightsFileTests.hasZstd, WeightsFileTests.zstdNeeded))
  func zstdUnpacksLargeFiles() throws {
    let vector = someVector(Self.largeTable)
    let (plain, packed) = (directory.file("l.safetensors"), directory.file("l.safetensors.zst"))
    try WeightsFile.write(vector.namedTensors, to: plain)
    let data = try Data(contentsOf: plain)
    for threads in [0, 1, 2, 3] {
      try WeightsFile.write(vector.namedTensors, to: packed, threads: threads)
      #expect(Self.run(["zstd", "-d", "-c", packed.path]) == data, "\(threads) threads")
    }
  }

  @Test(
    "Two frames in sequence, as pzstd writes them, are read as one content.",
    .enabled(if: WeightsFileTests.hasZstd, WeightsFileTests.zstdNeeded))
  func twoFramesAreOneContent() throws {
    let (plain, packed) = (directory.file("l.safetensors"), directory.file("l.safetensors.zst"))
    try WeightsFile.write(someVector(Self.largeTable).namedTensors, to: plain)
    let data = try Data(contentsOf: plain)
    var frames = Data()
    for part in [data[..<1000], data[1000...]] {
      let file = directory.file("part")
      try part.write(to: file)
      frames += try #require(Self.run(["zstd", "-c", file.path]))
    }
    try frames.write(to: packed)
    #expect(try WeightsFile.read(packed).entries.count == 2)
  }

  @Test("Every truncation is detected.")
  func everyTruncationIsNoticed() throws {
    let vector = someVector(ParameterTable([ParameterSpec("a", [40], .weight), ParameterSpec("b", [3], .bias)]))
    for name in ["t.safetensors", "t.safetensors.zst"] {
      let url = directory.file(name)
      try WeightsFile.write(vector.namedTensors, to: url)
      let data = try Data(contentsOf: url)
      for length in 0..<data.count {
        try data[..<length].write(to: url)
        #expect(throws: CheckpointError.self, "\(name) cut to \(length) of \(data.count)") { try WeightsFile.read(url) }
      }
      if name.hasSuffix("s") {
        try (data + [0]).write(to: url)
        #expect(throws: CheckpointError.self) { try WeightsFile.read(url) }
      }
    }
  }

  /// zstd's checksum covers all values. (Byte 4 has an unused bit.)
  @Test("Flipped bits in a compressed file are detected.")
  func flippedBitsInCompressedFilesAreNoticed() throws {
    let url = directory.file("f.safetensors.zst")
    try WeightsFile.write(someVector().namedTensors, to: url)
    let data = try Data(contentsOf: url)
    for position in stride(from: 5, to: data.count, by: 97) {
      try data.write(to: url)
      try damage(url, at: position)
      #expect(throws: CheckpointError.self, "byte \(position)") { try WeightsFile.read(url) }
    }
  }

  @Test(
    "A wrong header is refused with the reason and the file.",
    arguments: [
      (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "4 bytes for shape [2]"),
      (
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
        6, "overlaps"
      ),
      (
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
          + #""b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#,
        12, "gap"
      ),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "gap"),
      (#"{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}"#, 2, "dtype BF16 is not supported"),
      (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "negative"),
      (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, 4, "tensor a: its header entry"),
      (#"{"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}"#, 4, "shape"),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "not a first and a last byte"),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, 4, "not a first and a last byte"),
      (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, 4, "larger than any memory"),
      (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "data_offsets is missing"),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8, "8 bytes of values where the header declares 4"),
      (#"{"__metadata__":{"x":1}}"#, 0, "__metadata__"), (#"[1]"#, 0, "not a JSON object"),
      (#"{"a":"#, 0, "not a JSON object"),
    ])
  func wrongHeadersAreRefused(json: String, bytes: Int, message: String) throws {
    let url = directory.file("h.safetensors")
    let header = Array(json.utf8)
    var data = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
    data += header + [UInt8](repeating: 0, count: bytes)
    try data.write(to: url)
    do {
      _ = try WeightsFile.read(url)
      Issue.record("read \(json)")
    } catch {
      #expect("\(error)".contains(message), "\(error)")
      #expect("\(error)".contains(url.path), "\(error)")
    }
  }

  @Test("An impossible header length is refused.")
  func impossibleHeaderLengthsAreRefused() throws {
    let url = directory.file("n.safetensors")
    for length in [UInt64(0), 1, 50, 1 << 40, .max] {
      try (withUnsafeBytes(of: length.littleEndian) { Data($0) } + Data("{}      ".utf8)).write(to: url)
      #expect(throws: CheckpointError.self) { try WeightsFile.read(url) }
    }
    #expect(throws: CheckpointError.self) { try WeightsFile.read(directory.file("not there")) }
    #expect(throws: CheckpointError.self) { try WeightsFile.read(directory.url) }
  }

  static let hasNumpy = run(["python3", "-c", "import numpy"]) != nil

  /// The Python code follows the description of the format.
  @Test(
    "An independent reader in Python reads the same values.",
    .enabled(if: WeightsFileTests.hasNumpy, "SKIPPED: python3 with numpy is not installed"))
  func pythonReadsTheSame() throws {
    let vector = someVector()
    let url = directory.file("p.safetensors")
    try WeightsFile.write(vector.namedTensors, metadata: ["phase": "x"], to: url)
    let script = """
      import sys, json, hashlib, numpy
      data = open(sys.argv[1], "rb").read()
      n = int.from_bytes(data[:8], "little")
      header = json.loads(data[8:8 + n])
      assert header.pop("__metadata__") == {"phase": "x"} and n % 8 == 0
      h = hashlib.sha256()
      for name in sorted(header, key=str.encode):
          t = header[name]
          assert t["dtype"] == "F32"
          first, end = t["data_offsets"]
          a = numpy.frombuffer(data[8 + n + first:8 + n + end], "<f4").reshape(t["shape"])
          h.update(f"{name}\\n{'x'.join(map(str, a.shape))}\\n".encode() + a.tobytes())
      assert max(t["data_offsets"][1] for t in header.values()) == len(data) - 8 - n
      print(h.hexdigest(), end="")
      """
    let output = Self.run(["python3", "-c", script, url.path])
    #expect(output.map { String(decoding: $0, as: UTF8.self) } == WeightsDigest.hex(of: vector.namedTensors))
  }

  @Test("Publishing replaces a file and leaves no temporary file.")
  func publishingReplacesAWholeFile() throws {
    let url = directory.file("model.safetensors.zst")
    try WeightsFile.publish(someVector(seed: 1).namedTensors, to: url)
    try WeightsFile.publish(someVector(seed: 2).namedTensors, to: url)
    let vector = ParameterVector(someTable)
    try WeightsFile.read(url).fill(vector)
    #expect(vector.values == someVector(seed: 2).values)
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.url.path).filter { $0.hasPrefix(".") } == [])
  }

  @Test("A full disk is an error.")
  func aFullDiskIsAnError() throws {
    try #require(FileManager.default.fileExists(atPath: "/dev/full"))
    let vector = someVector()
    #expect(throws: CheckpointError.self) {
      let sink = try FileSink("/dev/full")
      try SafeTensors.write(vector.namedTensors.map(TensorToWrite.init), to: { _ in try ZstdSink(sink) })
    }
  }

  /// Returns the standard output of a command; nil if it does not exist or fails.
  private static func run(_ arguments: [String]) -> Data? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? data : nil
  }
}
