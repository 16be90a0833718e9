import Events
import Language

/// One kind of trouble: what it is, how it is recognised, and what to do. `Rule.all` has every one.
public struct Rule: Sendable {
  public let id: String
  public let title: Text
  /// What it means for the host.
  public let meaning: Text
  /// What to do where it comes from, whatever the figures.
  public let remedies: [Text]
  /// Settings that are named whatever the figures, most of them because they do not help.
  public let settings: [Finding.Setting]
  /// The facts that it goes by.
  public let evidence: [String]
  /// Sources: kernel documents, commits, RFCs.
  public let sources: [String]
  let judge: @Sendable (Facts) -> Verdict

  init(
    id: String, title: Text, meaning: Text, remedies: [Text], settings: [Finding.Setting] = [],
    evidence: [String], sources: [String], judge: @escaping @Sendable (Facts) -> Verdict
  ) {
    self.id = id
    self.title = title
    self.meaning = meaning
    self.remedies = remedies
    self.settings = settings
    self.evidence = evidence
    self.sources = sources
    self.judge = judge
  }
}

/// What a rule makes of the facts.
struct Verdict {
  var sightings: [Sighting] = []
  /// Facts without which it could not judge, each with where.
  var notKnown: [Text] = []
}

/// One place where a rule applies.
struct Sighting {
  var severity: Finding.Severity
  /// In place of the rule's, where this case is another.
  var title: Text?
  var meaning: Text?
  var netns: UInt32?
  var subject: Finding.Subject = .host
  var seen: [Text]
  var figures: [Finding.Figure] = []
  var services: [Finding.Service] = []
  var actors: [Finding.Actor] = []
  /// Before those of the rule: they fit this case.
  var remedies: [Text] = []
  /// Those of the rule do not fit this case.
  var remediesReplace = false
  var settings: [Finding.Setting] = []
  var certainty: Finding.Certainty
  var grounds: Text
  var unknown: [Text] = []
  /// True of most hosts: no news.
  var isCommon = false
}

extension Rule {
  /// Every finding, worst first; of equals, in the order of `all`.
  static func findings(in facts: Facts) -> (findings: [Finding], unknown: [Text]) {
    var found: [Finding] = []
    var unknown: [Text] = []
    for rule in all {
      let verdict = rule.judge(facts)
      found += verdict.sightings.map { rule.finding($0, facts) }
      unknown += verdict.notKnown.map { "\(rule.id): \($0)" }
    }
    let sorted = found.enumerated().sorted {
      ($0.element.severity, $0.offset) < ($1.element.severity, $1.offset)
    }
    return (sorted.map(\.element), unknown)
  }

  private func finding(_ sighting: Sighting, _ facts: Facts) -> Finding {
    let namespace = facts.namespaces.first { $0.inode == sighting.netns }
    var finding = Finding(
      rule: id, title: sighting.title ?? title, severity: sighting.severity, netns: sighting.netns,
      subject: sighting.subject,
      seen: sighting.seen, figures: sighting.figures, services: sighting.services, actors: sighting.actors,
      meaning: sighting.meaning ?? meaning,
      remedies: sighting.remedies + (sighting.remediesReplace ? [] : remedies),
      settings: (sighting.settings + settings).map { $0.inNamespace(at: namespace?.path) },
      certainty: sighting.certainty, grounds: sighting.grounds, unknown: sighting.unknown, sources: sources)
    finding.isCommon = sighting.isCommon
    return finding
  }

  /// Judges each network namespace by itself.
  static func inEach(
    _ judge: @escaping @Sendable (Facts, NamespaceFacts, inout Verdict) -> Void
  ) -> @Sendable (Facts) -> Verdict {
    { facts in
      var verdict = Verdict()
      for namespace in facts.namespaces { judge(facts, namespace, &verdict) }
      return verdict
    }
  }
}

extension Verdict {
  mutating func lacks(_ fact: Text, _ namespace: NamespaceFacts) {
    notKnown.append("\(fact) in network namespace \(namespace.inode)")
  }
}

extension Finding.Setting {
  /// With the command as it must be typed from outside the namespace.
  fileprivate func inNamespace(at path: String?) -> Finding.Setting {
    guard let path, let command else { return self }
    var setting = self
    // A name in /run/netns is whatever its maker chose; one that a shell could take for more is left out.
    let isPlain = path.utf8.allSatisfy { byte in
      48...57 ~= byte || 65...90 ~= byte || 97...122 ~= byte || "/._-".utf8.contains(byte)
    }
    setting.command = isPlain ? "nsenter --net=\(path) \(command)" : nil
    return setting
  }
}
