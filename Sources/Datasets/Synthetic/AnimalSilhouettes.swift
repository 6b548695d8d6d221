// The silhouettes of the animate classes: bird, cat, cow, dog, horse, person and sheep, all facing right.
import Images
import Randomness

extension Silhouettes {
  static func bird(_ r: inout CounterRandom) -> [Part] {
    let head = r.uniform(0.2, 0.26)
    let wing = r.uniform(-0.95, -0.6)
    return [
      (.line((0.0, 0.35), (-0.05, 0.85), width: 0.08), .dark), (.line((0.2, 0.35), (0.2, 0.85), width: 0.08), .dark),
      (.polygon((-0.3, 0.15), (-0.98, 0.25), (-0.9, -0.05), (-0.3, -0.15)), .accent),
      (.ellipse((0, 0.1), (0.55, 0.34)), .body),
      (.ellipse((0.5, -0.3), (head, head)), .body),
      (.polygon((0.62, -0.42), (0.98, -0.27), (0.62, -0.18)), .light),
      (.polygon((0.25, 0.05), (-0.35, 0.1), (-0.55, wing), (-0.15, wing + 0.12)), .accent),
      (.ellipse((0.56, -0.36), (0.06, 0.06)), .dark),
    ]
  }

  static func cat(_ r: inout CounterRandom) -> [Part] {
    let head = r.uniform(0.33, 0.4)
    let y = -0.42
    let ear = r.uniform(0.3, 0.42)
    return [
      (.line((-0.35, 0.8), (-0.8, 0.55), width: 0.15), .body), (.line((-0.8, 0.55), (-0.75, 0.0), width: 0.15), .body),
      (.ellipse((0, 0.42), (r.uniform(0.4, 0.5), 0.53)), .body),
      (.polygon((-head, y + 0.05), (-head + 0.02, y - ear), (-0.02, y - head + 0.1)), .body),
      (.polygon((head, y + 0.05), (head - 0.02, y - ear), (0.02, y - head + 0.1)), .body),
      (.ellipse((0, y), (head, head * 0.9)), .body),
      (.ellipse((-0.15, y - 0.04), (0.07, 0.08)), .light), (.ellipse((0.15, y - 0.04), (0.07, 0.08)), .light),
      (.ellipse((0, y + 0.12), (0.07, 0.05)), .dark),
      (.ellipse((-0.18, 0.9), (0.17, 0.08)), .accent), (.ellipse((0.18, 0.9), (0.17, 0.08)), .accent),
    ]
  }

  /// Draws four legs, each with a random swing, under a body that reaches from `back` to `front`.
  private static func legs(
    _ r: inout CounterRandom, back: Double, front: Double, top: Double, foot: Double, width: Double, tone: Tone
  ) -> [Part] {
    [back, back + 0.22, front - 0.22, front].enumerated().map { i, x in
      let swing = r.uniform(-0.1, 0.1)
      return (.line((x, top), (x + swing, foot), width: width), i % 2 == 0 ? .dark : tone)
    }
  }

  static func cow(_ r: inout CounterRandom) -> [Part] {
    let belly = r.uniform(0.28, 0.36)
    return legs(&r, back: -0.68, front: 0.4, top: 0.1, foot: 0.85, width: 0.15, tone: .body) + [
      (.line((-0.78, -0.3), (-0.93, 0.4), width: 0.07), .dark),
      (.polygon((-0.82, -0.4), (0.5, -0.42), (0.58, belly - 0.1), (0.4, belly), (-0.7, belly), (-0.84, 0)), .body),
      (.ellipse((-0.3, belly), (0.16, 0.12)), .light),
      (.line((0.55, -0.62), (0.45, -0.85), width: 0.08), .light),
      (.line((0.78, -0.62), (0.9, -0.85), width: 0.08), .light),
      (.polygon((0.42, -0.45), (0.52, -0.68), (0.82, -0.66), (0.97, -0.2), (0.85, -0.08), (0.62, -0.12)), .body),
      (.ellipse((0.88, -0.15), (0.11, 0.09)), .accent),
    ]
  }

  static func dog(_ r: inout CounterRandom) -> [Part] {
    let y = r.uniform(-0.45, -0.3)
    return legs(&r, back: -0.55, front: 0.42, top: 0.15, foot: 0.88, width: 0.15, tone: .body) + [
      (.line((-0.6, 0.0), (-0.92, r.uniform(-0.6, -0.35)), width: 0.16, endWidth: 0.07), .body),
      (.ellipse((-0.05, 0.1), (0.64, 0.27)), .body),
      (.line((0.4, 0.05), (0.52, y), width: 0.34), .body),
      (.ellipse((0.55, y), (0.26, 0.23)), .body),
      (.line((0.68, y + 0.05), (0.92, y + 0.08), width: 0.2, endWidth: 0.15), .accent),
      (.ellipse((0.97, y + 0.04), (0.06, 0.06)), .dark),
      (.ellipse((0.4, y + 0.1), (0.11, 0.26)), .dark),
    ]
  }

  static func horse(_ r: inout CounterRandom) -> [Part] {
    let crest = r.uniform(-0.85, -0.72)
    return legs(&r, back: -0.6, front: 0.38, top: 0.0, foot: 0.93, width: 0.12, tone: .body) + [
      (.line((-0.7, -0.15), (-0.9, 0.45), width: 0.13, endWidth: 0.2), .dark),
      (.ellipse((-0.12, -0.02), (0.62, 0.25)), .body),
      (.line((0.32, -0.05), (0.6, crest + 0.1), width: 0.36, endWidth: 0.24), .body),
      (.line((0.2, -0.2), (0.5, crest + 0.02), width: 0.14), .dark),
      (
        .polygon(
          (0.5, crest), (0.62, crest - 0.12), (0.68, crest), (0.97, crest + 0.3), (0.9, crest + 0.42),
          (0.55, crest + 0.28)), .body
      ),
      (.ellipse((0.68, crest + 0.12), (0.04, 0.04)), .light),
    ]
  }

  static func person(_ r: inout CounterRandom) -> [Part] {
    let (left, right) = (r.uniform(-0.5, 0.1), r.uniform(-0.5, 0.1))
    let stride = r.uniform(0.1, 0.32)
    let shoulder = r.uniform(0.24, 0.3)
    return [
      (.line((-0.12, 0.2), (-stride, 0.9), width: 0.2, endWidth: 0.14), .dark),
      (.line((0.12, 0.2), (stride, 0.9), width: 0.2, endWidth: 0.14), .dark),
      (.line((-shoulder, -0.42), (-shoulder - 0.28, left + 0.15), width: 0.15), .accent),
      (.line((shoulder, -0.42), (shoulder + 0.28, right + 0.15), width: 0.15), .accent),
      (.polygon((-shoulder, -0.52), (shoulder, -0.52), (0.22, 0.28), (-0.22, 0.28)), .body),
      (.ellipse((0, -0.74), (0.19, 0.22)), .light),
      (.ellipse((0, -0.87), (0.19, 0.1)), .dark),
    ]
  }

  static func sheep(_ r: inout CounterRandom) -> [Part] {
    var parts = legs(&r, back: -0.5, front: 0.35, top: 0.3, foot: 0.82, width: 0.11, tone: .dark)
    for i in 0..<8 {
      let (c, s) = CounterRandom.circle(Double(i) / 8)
      let puff = r.uniform(0.22, 0.28)
      parts.append((.ellipse((-0.08 + 0.46 * c, 0.02 + 0.26 * s), (puff, puff)), .body))
    }
    return parts + [
      (.ellipse((-0.08, 0.02), (0.5, 0.3)), .body),
      (.ellipse((0.68, -0.12), (0.19, 0.25)), .dark), (.ellipse((0.5, -0.22), (0.13, 0.07)), .dark),
      (.ellipse((0.62, -0.33), (0.17, 0.12)), .body),
    ]
  }
}
