// Damage at random places of a checkpoint.
import Checkpoints
import Foundation
import Testing

@Suite struct DamageTests {
  private let directory = try! TemporaryDirectory(inMemory: true)

  @Test("Every flipped bit and every truncation is detected, and the checkpoint before is used.")
  func everyFlippedBitAndEveryCutIsNoticed() throws {
    let store = CheckpointStore(directory.file("checkpoints"), keep: 2, phases: somePhases)
    try store.prepare()
    try store.write(someSnapshot(10))
    let url = try store.write(someSnapshot(20))
    let names = try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
    #expect(names == ["SHA256SUMS", "manifest.json", "momentum.safetensors.zst", "weights.safetensors.zst"])
    let whole = try names.map { try Data(contentsOf: url.appendingPathComponent($0)) }
    var state: UInt64 = 2026
    func random(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(limit))
    }
    for round in 0..<1000 {
      let file = round % names.count
      var bytes = whole[file]
      let cut = round % 5 == 4
      let place = random(bytes.count)
      if cut { bytes = bytes.prefix(place) } else { bytes[place] ^= 1 << random(8) }
      try bytes.write(to: url.appendingPathComponent(names[file]))
      let (checkpoint, skipped) = try store.newestValid()
      #expect(
        checkpoint?.description.iteration == 10 && skipped.map(\.url.lastPathComponent) == ["segmentation-000020"],
        "\(names[file]) \(cut ? "cut to" : "flipped in byte") \(place)")
      try whole[file].write(to: url.appendingPathComponent(names[file]))
    }
    for name in names {
      try FileManager.default.moveItem(at: url.appendingPathComponent(name), to: directory.file("away"))
      #expect(try store.newestValid().checkpoint?.description.iteration == 10, "without \(name)")
      try FileManager.default.moveItem(at: directory.file("away"), to: url.appendingPathComponent(name))
    }
    #expect(try store.newestValid().checkpoint?.description.iteration == 20)
  }
}
