import Events

/// A program whose settings are known, recognised by its name, which is no proof.
struct Runtime: Sendable {
  let name: String
  /// Names of the executable or the process; a version may follow.
  let names: [String]
  /// How its clients keep connections open.
  let asClient: String
  /// How its servers let clients keep them open.
  let asServer: String?

  /// Sources: nginx.org ngx_http_upstream_module and ngx_http_core_module; HAProxy configuration manual; PHP manual;
  /// requests, "Advanced Usage"; Node.js `http.Agent`; Java "Networking Properties"; Go net/http.
  static let all: [Runtime] = [
    Runtime(
      name: "nginx", names: ["nginx", "openresty"],
      asClient: """
        in the upstream block "keepalive 32;", and with it "proxy_http_version 1.1;" and \
        "proxy_set_header Connection \"\";" (from nginx 1.29.7 on both are the default); for FastCGI \
        "fastcgi_keep_conn on;"
        """,
      asServer:
        "\"keepalive_timeout\" above 0 and longer than clients are idle, \"keepalive_requests\" high enough"),
    Runtime(
      name: "HAProxy", names: ["haproxy"],
      asClient: """
        "option http-keep-alive" and "http-reuse safe" in the backend; remove "option httpclose" and \
        "option http-server-close"
        """,
      asServer:
        "\"option http-keep-alive\" rather than \"option httpclose\"; \"timeout http-keep-alive\" longer"),
    Runtime(
      name: "PHP", names: ["php", "php-fpm", "php-cgi"],
      asClient: """
        within a request use one curl handle for all; across requests curl_share_init_persistent() (PHP 8.5), \
        PDO::ATTR_PERSISTENT, pconnect() of Redis; or a local proxy that keeps connections open
        """, asServer: nil),
    Runtime(
      name: "Python", names: ["python", "gunicorn", "uwsgi", "celery"],
      asClient: """
        one requests.Session() for all requests instead of requests.get(), with \
        session.mount("https://", HTTPAdapter(pool_maxsize=N)), N the number of threads (10 if not given)
        """,
      asServer: "serve HTTP/1.1: http.server closes after each answer unless protocol_version is \"HTTP/1.1\""),
    Runtime(
      name: "Node.js", names: ["node"],
      asClient: """
        new http.Agent({ keepAlive: true }), made once and passed to each request (the global agent does it from \
        Node.js 19 on)
        """, asServer: "server.keepAliveTimeout longer than clients are idle"),
    Runtime(
      name: "Java", names: ["java"],
      asClient: """
        one HttpClient for all requests; with HttpURLConnection read each answer to its end and do not call \
        disconnect(), -Dhttp.maxConnections=N (5 if not given); for databases a pool
        """, asServer: "keep-alive of the connector: its time longer than clients are idle"),
    Runtime(
      name: "Apache httpd", names: ["apache2", "httpd"],
      asClient: "ProxyPass without \"disablereuse=On\", and no \"SetEnv proxy-nokeepalive\"",
      asServer:
        "\"KeepAlive On\", \"KeepAliveTimeout\" longer than clients are idle, \"MaxKeepAliveRequests\" high enough"
    ),
  ]

  /// A Go program has the name that its author gave it.
  private static let goAsClient = """
    if it is written in Go: one http.Client for all requests, each answer read to its end and closed, \
    Transport.MaxIdleConnsPerHost (2 if not given) as high as there are requests at a time, DisableKeepAlives off
    """

  static func named(_ name: String) -> Runtime? {
    all.first { runtime in
      runtime.names.contains { name.hasPrefix($0) && name.dropFirst($0.count).first?.isNumber ?? true }
    }
  }

  /// What to set in the programs that these connections are of.
  static func advice(for flows: [Flow]) -> [String] {
    var advice: [String] = []
    for flow in flows.sorted(by: { $0.count > $1.count }) {
      guard let process = flow.process else { continue }
      let comm = String(decoding: process.comm.bytes, as: UTF8.self)
      let runtime = flow.executable.flatMap(named) ?? named(comm)
      let text: String? =
        if let runtime {
          (flow.role == .server ? runtime.asServer : runtime.asClient).map {
            "if this is \(runtime.name): \($0)"
          }
        } else {
          flow.role == .client ? goAsClient : nil
        }
      if let text, !advice.contains(text) { advice.append(text) }
    }
    return advice
  }
}

extension Flow {
  /// Who caused them, most first, with how many.
  static func actors(_ flows: [Flow]) -> [Finding.Actor] {
    // One process may use several local addresses; what it acted in last makes no other process of it.
    let byProcess = Dictionary(grouping: flows) { $0.process.map { [UInt64($0.pid), $0.startedNanoseconds] } }
    let sums = byProcess.values.map { flows in (flows[0], flows.map(\.count).reduce(0, +)) }
    let most = sums.sorted { ($1.1, $0.0.process?.pid ?? 0) < ($0.1, $1.0.process?.pid ?? 0) }
    return most.prefix(shownActors).map { flow, count in
      Finding.Actor(
        flow.process, "\(counted(count, "TIME_WAIT")) as the \(flow.role == .server ? "server" : "client")")
    }
  }

  /// A choice: the rest is in `tcplinger trace`.
  private static let shownActors = 5
}
