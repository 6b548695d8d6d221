// The bias of each channel on maps in channel blocks against plain order.
import Kernels
import Testing

@Suite struct ChannelBiasTests {
  @Test(
    "Each channel receives its own bias.",
    arguments: [Shape(n: 1, c: 16, h: 1, w: 1), Shape(n: 2, c: 48, h: 3, w: 7), Shape(n: 3, c: 32, h: 10, w: 10)])
  func addsEachChannelsOwn(_ shape: Shape) {
    var draws = Draws(3)
    let x = draws.floats(shape.count)
    let bias = draws.floats(shape.c)
    let pass = ChannelBias(images: shape.n, channels: shape.c, height: shape.h, width: shape.w)
    // Maps are read and written as whole vectors, so they are aligned as every activation is.
    let memory = UnsafeMutableRawPointer.allocate(byteCount: shape.count * 4, alignment: 64)
    defer { memory.deallocate() }
    let values = memory.bindMemory(to: Float.self, capacity: shape.count)
    values.update(from: x, count: shape.count)
    inOddOrder(pass.tasks) { pass.add(bias, to: values, task: $0) }
    let plain = shape.maps(x)
    let truth = plain.like { n, c, y, x in Double(Float(plain[n, c, y, x]) + bias[c]) }
    #expect(identical(Array(UnsafeBufferPointer(start: values, count: shape.count)), truth.blocked))
  }
}
