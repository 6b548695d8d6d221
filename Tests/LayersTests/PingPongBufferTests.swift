// The two buffers that a chain of layers uses in turn.
import Compute
import Layers
import Testing

@Suite struct PingPongBufferTests {
  @Test("Two consecutive maps never share memory, and the third overwrites the first.") func takesTurns() {
    let buffer = PingPongBuffer(images: 2, largest: 2 * 32 * 12)
    let maps = (0..<4).map { _ in buffer.next(channels: 16, height: 3, width: 4) }
    #expect(maps[0].data != maps[1].data)
    #expect(maps[0].data == maps[2].data && maps[1].data == maps[3].data)
    #expect(maps[0].images == 2 && maps[0].channels == 16 && maps[0].pixels == 12)
    let first = buffer.first(channels: 32, height: 3, width: 4)
    #expect(first.data == maps[0].data || first.data == maps[1].data)
    #expect(buffer.first(channels: 16, height: 1, width: 1).data == first.data)
  }
}
