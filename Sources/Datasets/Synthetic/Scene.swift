// One image of the synthetic dataset with its mask: a cluttered background, one to three objects that may occlude each
// other, and distractors that belong to no class. Image i is a function of (seed, i) only.
import Images
import Randomness

struct Scene {
  private(set) var photograph: RGBImage
  /// The class of each pixel, with 255 in a band of about two pixels along the edges of objects.
  private(set) var mask: IndexImage

  /// The purposes of the random streams of an image. New purposes get new numbers, so that existing images do not
  /// change.
  private enum Purpose {
    static let layout: UInt64 = 1
    static let background: UInt64 = 2
    static let object: UInt64 = 3
    static let distractor: UInt64 = 4
    static let finish: UInt64 = 5
    static let order: UInt64 = 6
  }

  private let classes: Int
  private let random: (UInt64, UInt64) -> CounterRandom

  /// An object and the visible pixels that it covers.
  private struct Placed {
    var index: Int
    var pixels: [Int]
  }

  init(seed: UInt64, image: Int, classes: Int, sides: ClosedRange<Int>) {
    self.classes = classes
    random = { purpose, item in CounterRandom(seed: seed, .syntheticImages, UInt64(image), purpose, item) }
    var layout = random(Purpose.layout, 0)
    let width = sides.lowerBound + layout.integer(below: sides.count)
    let height = sides.lowerBound + layout.integer(below: sides.count)
    photograph = RGBImage(width: width, height: height)
    mask = IndexImage(width: width, height: height)
    drawBackground()
    for item in 0..<3 + layout.integer(below: 4) { drawDistractor(item, size: layout.uniform(0.07, 0.2)) }

    // The class of the first object cycles through all classes in random order, so that each is first equally often.
    let draw = layout.uniform()
    let count = draw < 0.6 ? 1 : draw < 0.92 ? 2 : 3
    var order = CounterRandom(seed: seed, .syntheticImages, UInt64(image / classes), Purpose.order)
    let leading = order.permutation(classes)[image % classes] + 1
    var placed: [Placed] = []
    for item in 0..<count {
      let index = item == 0 ? leading : layout.integer(below: classes) + 1
      for attempt in 0..<6 {
        let largest = count == 1 ? 1.0 : count == 2 ? 0.85 : 0.7
        if place(index, item: item, attempt: attempt, size: largest, among: &placed) { break }
      }
    }
    if layout.chance(0.3) { drawDistractor(99, size: layout.uniform(0.05, 0.1)) }
    ignoreEdges()
    finish()
  }

  // MARK: Background

  private mutating func drawBackground() {
    var r = random(Purpose.background, 0)
    let palette = (0..<3).map { _ in
      Texture.light(hue: r.uniform(), saturation: r.uniform(0.1, 0.6), value: r.uniform(0.3, 0.95))
    }
    let horizon = r.chance(0.6) ? r.uniform(0.3, 0.75) : 2
    let (coarse, fine) = (r.uniform(1.5, 4), r.uniform(5, 11))
    let weave = Texture(
      Texture.Pattern.allCases[r.integer(below: Texture.Pattern.allCases.count)], hue: r.uniform(), &r)
    let weaveShare = r.chance(0.5) ? Float(r.uniform(0.1, 0.3)) : 0
    let salt = UInt32(truncatingIfNeeded: r.next())
    let scale = 1 / Double(min(photograph.width, photograph.height))
    for y in 0..<photograph.height {
      for x in 0..<photograph.width {
        let (u, v) = (Double(x) * scale, Double(y) * scale)
        let field = Float(Noise.field(u * coarse, v * coarse, salt))
        let bumps = Float(Noise.value(u * fine, v * fine, salt &+ 1)) - 0.5
        let wobble = 0.05 * (Noise.value(u * 6, 0.5, salt &+ 2) - 0.5)
        let ground = v + wobble > horizon
        let (a, b) = ground ? (palette[2], palette[1]) : (palette[0], palette[1])
        let share: Float = ground ? 0.6 * field : 1.4 * field - 0.2
        let pattern = weave.color(u * 2.5, v * 2.5)
        photograph[x, y] = Self.color(
          Self.mix(Self.mix(a, b, max(0, min(1, share))), pattern, ground ? weaveShare : 0.6 * weaveShare),
          gain: 1 + 0.5 * bumps)
      }
    }
  }

  /// Draws a shape of no class in the colours and textures of classes. It occludes what is below and counts as
  /// background.
  private mutating func drawDistractor(_ item: Int, size: Double) {
    var r = random(Purpose.distractor, UInt64(item))
    let texture = Texture.ofClass(r.integer(below: classes) + 1, &r)
    let shape: Shape
    switch r.integer(below: 6) {
    case 0: shape = .ring((0, 0), radius: 0.9, width: r.uniform(0.25, 0.5))
    case 1: shape = .line((-0.95, 0), (0.95, 0), width: r.uniform(0.2, 0.5), endWidth: r.uniform(0.1, 0.5))
    case 2: shape = .ellipse((0, 0), (0.9, r.uniform(0.4, 0.9)))
    default:
      // A star-shaped blob or splinter.
      let corners = 3 + r.integer(below: 7)
      shape = .polygon(
        (0..<corners).map { i in
          let (c, s) = CounterRandom.circle((Double(i) + r.uniform(0, 0.7)) / Double(corners))
          let radius = r.uniform(0.35, 1)
          return Point(radius * c, radius * s)
        })
    }
    let pose = Pose(
      x: r.uniform(0, Double(photograph.width)), y: r.uniform(0, Double(photograph.height)),
      scale: size * Double(min(photograph.width, photograph.height)) * r.uniform(0.7, 1.3), turns: r.uniform(),
      flipped: false)
    let coverage = Coverage(shape.map(pose.place), width: photograph.width, height: photograph.height)
    paint(coverage, pose, texture)
    let columns = coverage.columns.count
    for (i, value) in coverage.values.enumerated() where value >= 0.5 {
      mask[coverage.columns.lowerBound + i % columns, coverage.rows.lowerBound + i / columns] = 0
    }
  }

  // MARK: Objects

  /// Draws an object of the class and returns true, unless it would be too small or would hide most of another object.
  private mutating func place(
    _ index: Int, item: Int, attempt: Int, size: Double, among placed: inout [Placed]
  ) -> Bool {
    var r = random(Purpose.object, UInt64(item * 16 + attempt))
    let (width, height) = (photograph.width, photograph.height)
    let parts = Silhouettes.draw(index, &r)
    let scale = r.uniform(0.7 * size, size) * Double(min(width, height)) / 2
    let lean = Silhouettes.lean(index)
    let pose = Pose(
      x: r.uniform(0.75 * scale, max(0.76 * scale, Double(width) - 0.75 * scale)),
      y: r.uniform(0.75 * scale, max(0.76 * scale, Double(height) - 0.75 * scale)),
      scale: scale, turns: r.uniform(-lean, lean), flipped: r.chance(0.5))
    let coverages = parts.map { part in
      Coverage(part.shape.map(pose.place), width: width, height: height)
    }

    // The pixels of the whole object in order, each once.
    var covered = [Bool](repeating: false, count: width * height)
    for coverage in coverages {
      var i = 0
      for y in coverage.rows {
        for x in coverage.columns {
          if coverage.values[i] >= 0.5 { covered[y * width + x] = true }
          i += 1
        }
      }
    }
    let pixels = covered.indices.filter { covered[$0] }
    guard pixels.count >= width * height / 40 || attempt == 5 && placed.isEmpty else { return false }
    for other in placed where other.pixels.count(where: { !covered[$0] }) * 2 < other.pixels.count { return false }
    for i in placed.indices { placed[i].pixels.removeAll { covered[$0] } }
    placed.append(Placed(index: index, pixels: pixels))

    let texture = Texture.ofClass(index, &r)
    let accent = Texture(.plain, hue: r.uniform(), &r)
    for (part, coverage) in zip(parts, coverages) {
      switch part.tone {
      case .body: paint(coverage, pose, texture)
      case .accent: paint(coverage, pose, Texture.blend(texture, accent, 0.35))
      case .dark: paint(coverage, pose, Texture.blend(texture, (20, 20, 25), 0.75))
      case .light: paint(coverage, pose, Texture.blend(texture, (225, 230, 235), 0.7))
      }
    }
    for pixel in pixels { mask.indices[pixel] = UInt8(index) }
    return true
  }

  /// Paints the texture over the covered pixels, lighter at the top and darker at the bottom.
  private mutating func paint(_ coverage: Coverage, _ pose: Pose, _ texture: Texture) {
    photograph.fill(coverage) { x, y in
      let (u, v) = pose.local(x, y)
      let gain = Float(1.08 - 0.22 * v)
      let c = texture.color(u, v)
      return (c.red * gain, c.green * gain, c.blue * gain)
    }
  }

  // MARK: Finish

  /// Sets 255 on both sides of every edge between labels.
  private mutating func ignoreEdges() {
    let (width, height) = (mask.width, mask.height)
    let labels = mask
    for y in 0..<height {
      for x in 0..<width {
        let here = labels[x, y]
        if (x > 0 && labels[x - 1, y] != here) || (x + 1 < width && labels[x + 1, y] != here)
          || (y > 0 && labels[x, y - 1] != here) || (y + 1 < height && labels[x, y + 1] != here)
        {
          mask[x, y] = IndexImage.ignored
        }
      }
    }
  }

  /// Adds uneven light and sensor noise.
  private mutating func finish() {
    var r = random(Purpose.finish, 0)
    let salt = UInt32(truncatingIfNeeded: r.next())
    let (gain, slopeX, slopeY) = (
      Float(r.uniform(0.8, 1.15)), Float(r.uniform(-0.25, 0.25)), Float(r.uniform(-0.2, 0.2))
    )
    let grain = Float(r.uniform(3, 10))
    for y in 0..<photograph.height {
      for x in 0..<photograph.width {
        let light =
          gain + slopeX * (Float(x) / Float(photograph.width) - 0.5) + slopeY
          * (Float(y) / Float(photograph.height) - 0.5)
        let h = Noise.hash(Int32(x), Int32(y), salt)
        let i = 3 * (y * photograph.width + x)
        for c in 0..<3 {
          let noise = Float(h >> (8 * UInt32(c)) & 0xFF) * (2 / 255) - 1
          photograph.pixels[i + c] = UInt8(
            max(0, min(255, (Float(photograph.pixels[i + c]) * light + grain * noise).rounded())))
        }
      }
    }
  }

  private static func mix(_ a: Light, _ b: Light, _ share: Float) -> Light {
    (a.red + (b.red - a.red) * share, a.green + (b.green - a.green) * share, a.blue + (b.blue - a.blue) * share)
  }

  private static func color(_ light: Light, gain: Float) -> Color {
    func channel(_ v: Float) -> UInt8 { UInt8(max(0, min(255, (v * gain).rounded()))) }
    return Color(channel(light.red), channel(light.green), channel(light.blue))
  }
}
