// The register sums of a direct weight gradient.

/// The sums of the 3x3 taps of one input plane, each for 16 output channels.
struct NineTaps {
  private var tap0 = Lanes.zero
  private var tap1 = Lanes.zero
  private var tap2 = Lanes.zero
  private var tap3 = Lanes.zero
  private var tap4 = Lanes.zero
  private var tap5 = Lanes.zero
  private var tap6 = Lanes.zero
  private var tap7 = Lanes.zero
  private var tap8 = Lanes.zero

  @inline(__always)
  init() {}

  /// Adds the products of a pixel's gradient and the 3x3 inputs from `pixels` on, whose rows are `line` floats apart.
  @inline(__always)
  mutating func add(_ pixels: UnsafePointer<Float>, line: Int, _ gradient: Lanes) {
    tap0.addProduct(gradient, Lanes(repeating: pixels[0]))
    tap1.addProduct(gradient, Lanes(repeating: pixels[1]))
    tap2.addProduct(gradient, Lanes(repeating: pixels[2]))
    tap3.addProduct(gradient, Lanes(repeating: pixels[line]))
    tap4.addProduct(gradient, Lanes(repeating: pixels[line + 1]))
    tap5.addProduct(gradient, Lanes(repeating: pixels[line + 2]))
    tap6.addProduct(gradient, Lanes(repeating: pixels[2 * line]))
    tap7.addProduct(gradient, Lanes(repeating: pixels[2 * line + 1]))
    tap8.addProduct(gradient, Lanes(repeating: pixels[2 * line + 2]))
  }

  @inline(__always)
  func add(to sums: UnsafeMutablePointer<Float>) {
    sums.setLanes(sums.lanes(at: 0) + tap0, at: 0)
    sums.setLanes(sums.lanes(at: 16) + tap1, at: 16)
    sums.setLanes(sums.lanes(at: 32) + tap2, at: 32)
    sums.setLanes(sums.lanes(at: 48) + tap3, at: 48)
    sums.setLanes(sums.lanes(at: 64) + tap4, at: 64)
    sums.setLanes(sums.lanes(at: 80) + tap5, at: 80)
    sums.setLanes(sums.lanes(at: 96) + tap6, at: 96)
    sums.setLanes(sums.lanes(at: 112) + tap7, at: 112)
    sums.setLanes(sums.lanes(at: 128) + tap8, at: 128)
  }
}
