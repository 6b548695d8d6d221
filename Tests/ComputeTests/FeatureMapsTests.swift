// The order (N, C/16, H, W, 16) of feature maps, and their memory.
import Compute
import Testing

@Suite struct FeatureMapsTests {
  @Test("Values lie in channel blocks of 16.", arguments: [(1, 16, 1, 1), (2, 32, 3, 5), (3, 48, 7, 2)])
  func valuesLieInChannelBlocks(images: Int, channels: Int, height: Int, width: Int) {
    let maps = FeatureMaps(images: images, channels: channels, height: height, width: width)
    #expect(maps.count == images * channels * height * width)
    #expect(maps.pixels == height * width)
    for i in 0..<maps.count { maps.data[i] = Float(i) }
    var place = 0
    for n in 0..<images {
      for block in 0..<channels / 16 {
        for y in 0..<height {
          for x in 0..<width {
            for lane in 0..<16 {
              #expect(maps[n, 16 * block + lane, y, x] == Float(place))
              place += 1
            }
          }
        }
      }
    }
    #expect(place == maps.count)
    maps[images - 1, channels - 1, height - 1, width - 1] = -1
    #expect(maps.data[maps.count - 1] == -1)
  }

  @Test("New maps are zero and aligned.") func newMapsAreZeroAndAligned() {
    let maps = FeatureMaps(images: 2, channels: 16, height: 33, width: 65)
    #expect(UInt(bitPattern: maps.data) % 64 == 0)
    #expect((0..<maps.count).allSatisfy { maps.data[$0] == 0 })
  }

  @Test("Maps over shared memory see the same values.") func mapsOverSharedMemorySeeTheSameValues() {
    let memory = AlignedMemory(floats: 4096)
    let whole = FeatureMaps(images: 1, channels: 16, height: 16, width: 16, in: memory)
    let part = FeatureMaps(images: 2, channels: 16, height: 2, width: 3, in: memory, at: 4096 - 192)
    part[1, 15, 1, 2] = 7
    part[0, 0, 0, 0] = 5
    #expect(whole.data[4095] == 7)
    #expect(whole.data[4096 - 192] == 5)
    #expect(part.data == memory.pointer + 4096 - 192)
  }
}
