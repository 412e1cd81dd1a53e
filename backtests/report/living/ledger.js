"use strict";
// The ledger of a living report: unpacks what the page carries, builds the book, keeps its books and measures them.
// It follows backtests/engine/kernel.py line by line and portfolio's builders and stages; the tests hold it to both.
globalThis.QuintileLedger = (function () {
  const BPS = 1e4, MONEY_MARKET_DAYS = 360, BLOCK = 128, EULER_GAMMA = 0.5772156649015329;
  const NET_ROUNDING = 1e-9, MIN_CASH = -1e-12, BUFFER_ROUNDING = 1e-12;
  const LEAST_SESSIONS = 20, FEW_TRIALS = 5, CONFIDENCE = 0.95;

  // ---- unpacking ----

  const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%,()*+-;.=/?@^_`{|}~";

  // Four bytes of each five characters, the highest first.
  function bytesOf(words) {
    const text = words.trim(), bytes = new Uint8Array((text.length / 5) * 4), digit = new Uint8Array(128);
    for (let i = 0; i < DIGITS.length; i++) digit[DIGITS.charCodeAt(i)] = i;
    for (let i = 0, to = 0; i < text.length; i += 5) {
      let value = 0;
      for (let j = 0; j < 5; j++) value = value * 85 + digit[text.charCodeAt(i + j)];
      for (let j = 3; j >= 0; j--) {
        bytes[to + j] = value % 256;
        value = Math.floor(value / 256);
      }
      to += 4;
    }
    return bytes;
  }

  async function opened(member) {
    const stream = new Blob([member]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function unpack(words) {
    const bytes = bytesOf(words);
    let end = 4 + new DataView(bytes.buffer).getUint32(0, true);
    const header = JSON.parse(new TextDecoder().decode(await opened(bytes.subarray(4, end))));
    const tables = {};
    for (const told of header.tables) {
      const planes = told.planes.map((length) => bytes.subarray(end, (end += length)));
      tables[told.name] = { ...told, planes: await Promise.all(planes.map(opened)) };
    }
    return carried(header, tables);
  }

  // Numbers of a table name by name, as they were coded.
  function numbersOf(table) {
    const size = table.shape[0] * table.shape[1], numbers = new Float64Array(size);
    table.planes.forEach((plane, place) => {
      const weight = 2 ** (8 * place);
      for (let i = 0; i < size; i++) numbers[i] += plane[i] * weight;
    });
    return numbers;
  }

  const signed = (number) => (number % 2 === 0 ? number / 2 : -(number + 1) / 2);

  // A table session by session, filled by ``put(place, number)``.
  function eachNumber(table, put) {
    const [n, m] = table.shape, numbers = numbersOf(table);
    for (let i = 0; i < m; i++) {
      let number = table.base ? table.base[i] : 0;
      for (let t = 0; t < n; t++) {
        const told = numbers[i * n + t];
        number = table.code === "chained" ? number + signed(told) : told;
        put(t * m + i, number);
      }
    }
  }

  function flagsOf(table) {
    const [n, m] = table.shape, bytes = table.planes[0], flags = new Uint8Array(n * m);
    for (let i = 0; i < m; i++) {
      for (let t = 0; t < n; t++) {
        const place = i * n + t;
        flags[t * m + i] = (bytes[place >> 3] >> (place & 7)) & 1;
      }
    }
    return flags;
  }

  const powers = new Map();
  function powerOfTwo(exponent) {
    if (!powers.has(exponent)) {
      let power = 1;
      for (let i = 0; i < Math.abs(exponent); i++) power *= exponent > 0 ? 2 : 0.5;
      powers.set(exponent, power);
    }
    return powers.get(exponent);
  }

  function digitsValue(whole, bits) {
    const unit = powerOfTwo(bits), exponent = Math.floor(whole / unit);
    return (0.5 + (whole - exponent * unit) / (2 * unit)) * powerOfTwo(exponent);
  }

  function pricesOf(header, tables) {
    const [n, m] = tables.fill.shape, { per_unit: perUnit, bits, base, coarser } = header.grid;
    const fills = numbersOf(tables.fill), closes = numbersOf(tables.close);
    const atFill = new Float64Array(n * m), atClose = new Float64Array(n * m);
    for (let i = 0; i < m; i++) {
      let whole = base[i];
      const unit = 2 ** coarser[i];
      const ticks = perUnit[i], [knownFill, knownClose] = [header.known[0][i], header.known[1][i]];
      for (let t = 0; t < n; t++) {
        whole += signed(fills[i * n + t]);
        atFill[t * m + i] = t < knownFill ? NaN : ticks > 0 ? whole / ticks : digitsValue(whole, bits);
        whole = (Math.floor(whole / unit) + signed(closes[i * n + t])) * unit;
        atClose[t * m + i] = t < knownClose ? NaN : ticks > 0 ? whole / ticks : digitsValue(whole, bits);
      }
    }
    return { atFill, atClose };
  }

  function carried(header, tables) {
    const [n, m] = tables.fill.shape, known = { header, n, m, ...pricesOf(header, tables) };
    known.waits = flagsOf(tables.waits);
    known.judged = flagsOf(tables.judged);
    known.nights = Float64Array.from(header.days, (day, t) => (t > 0 ? (day - header.days[t - 1]) / MONEY_MARKET_DAYS : 0));
    known.payouts = new Map();
    header.payouts[0].forEach((row, place) => {
      if (!known.payouts.has(row)) known.payouts.set(row, []);
      known.payouts.get(row).push([header.payouts[1][place], header.payouts[2][place]]);
    });
    if (tables.volume) {
      const none = flagsOf(tables.no_volume);
      known.volume = new Float64Array(n * m);
      eachNumber(tables.volume, (place, whole) => {
        known.volume[place] = none[place] ? NaN : digitsValue(whole, header.volume_bits);
      });
    }
    Object.assign(known, tables.symbols ? orderOf(header, tables) : weightsOf(header, tables));
    known.own = ownSetting(known);
    return known;
  }

  function weightsOf(header, tables) {
    const [n, m] = tables.weights.shape, weights = new Float64Array(n * m), unit = 2 ** header.weight_bits;
    eachNumber(tables.weights, (place, whole) => { weights[place] = whole / unit; });
    return { weights, rebalanced: flagsOf(tables.rebalanced) };
  }

  // Names of each session from the lowest score up, as far as they are told: ``low`` of them stand before the gap.
  function orderOf(header, tables) {
    const [n, m] = tables.symbols.shape, { reach } = header.book, steps = header.book.steps.length;
    const symbols = new Uint16Array(n * m), sequence = new Uint16Array(n * m);
    const told = new Int32Array(n), low = new Int32Array(n), passing = new Int32Array(n), scored = flagsOf(tables.scored);
    const rebalanced = new Uint8Array(n), counts = new Int32Array(n), place = new Int32Array(2 * m + 2), high = [];
    eachNumber(tables.symbols, (at, symbol) => { symbols[at] = symbol; });
    eachNumber(tables.passing, (at, count) => { passing[at] = count; });
    for (let t = 0; t < n; t++) {
      const row = t * m;
      let filled = 0;
      place.fill(-1);
      high.length = 0;
      for (let i = 0; i < m; i++) {
        counts[t] += scored[row + i];
        if (reach > 0 && symbols[row + i] > 0) place[symbols[row + i]] = i;
      }
      if (reach > 0) {
        for (let symbol = 1; symbol < place.length; symbol += 2) if (place[symbol] >= 0) sequence[row + filled++] = place[symbol];
        for (let symbol = place.length - 2; symbol > 0; symbol -= 2) if (place[symbol] >= 0) high.push(place[symbol]);
      } else {
        passing[t] = 0;
        for (let step = 0; step < steps; step++) {
          for (let i = 0; i < m; i++) {
            if (symbols[row + i] !== 3 * step + 1) continue;
            sequence[row + filled++] = i;
            passing[t]++;
          }
          for (let i = 0; i < m; i++) if (symbols[row + i] === 3 * step + 3) sequence[row + filled++] = i;
        }
        for (let step = steps - 1; step >= 0; step--) {
          for (let i = 0; i < m; i++) if (symbols[row + i] === 3 * step + 2) high.push(i);
        }
      }
      rebalanced[t] = counts[t] > 0 ? 1 : 0;
      low[t] = filled;
      for (const i of high) sequence[row + filled++] = i;
      told[t] = filled;
    }
    return { sequence, told, low, passing, scored, counts, rebalanced, listed: flagsOf(tables.listed) };
  }

  function ownSetting(known) {
    const { header, rebalanced, n } = known, { k, long, short } = header.book;
    return {
      trade_bps: header.costs.trade_bps, borrow_bps: header.costs.borrow_bps, delay: header.delay, k, long, short,
      first: rebalanced.indexOf(1), last: n - 1, left_out: [],
    };
  }

  // ---- the book ----

  class Refused extends Error {}

  // Weights decided at each close, and the sessions with a decision; other rows hold nothing of meaning. The next call
  // writes over them.
  function decide(known, setting) {
    const { book } = known.header, left = new Uint8Array(known.m);
    if (book.reach) setting.left_out.forEach((i) => { left[i] = 1; });
    const decided = book.reach === null ? scaled(known, setting) : rebuilt(known, setting, left);
    if (!book.reach) {
      for (const i of setting.left_out) for (let t = 0; t < known.n; t++) decided.weights[t * known.m + i] = 0;
    }
    return decided;
  }

  function roomOf(known) {
    known.room = known.room || new Float64Array(known.n * known.m);
    return known.room;
  }

  function scaled(known, setting) {
    const { book } = known.header, weights = roomOf(known);
    const long = book.long > 0 ? setting.long / book.long : 1, short = book.short > 0 ? setting.short / book.short : 1;
    for (let i = 0; i < weights.length; i++) weights[i] = known.weights[i] * (known.weights[i] > 0 ? long : short);
    return { weights, rebalanced: known.rebalanced };
  }

  function rebuilt(known, setting, left) {
    const { n, m, listed } = known, { book } = known.header, rebalanced = new Uint8Array(n);
    const weights = roomOf(known), target = new Float64Array(m), state = new Float64Array(m);
    const old = 1 - book.smoothing;
    let begun = false;
    for (let t = 0; t < n; t++) {
      if (!known.rebalanced[t]) continue;
      const row = t * m, picked = pick(known, setting, left, t, target);
      if (picked.scored === 0) continue;
      rebalanced[t] = 1;
      for (let i = 0; i < m; i++) {
        const moved = begun ? book.smoothing * target[i] + old * state[i] : target[i];
        state[i] = listed[row + i] ? moved : 0;
      }
      begun = true;
      finish(state, weights, row, limits(book, setting, picked.count), book, m);
    }
    return { weights, rebalanced };
  }

  // Target weights of one close, into ``target``.
  function pick(known, setting, left, t, target) {
    const { m, sequence, told, low, passing, scored, counts } = known, { book } = known.header, row = t * m;
    let nScored = counts[t];
    if (book.reach) for (const i of setting.left_out) nScored -= scored[row + i];
    target.fill(0);
    const wanted = book.k_is_share ? Math.floor(setting.k * nScored + 0.5) : setting.k;
    const count = Math.min(Math.max(wanted, 1), Math.floor(nScored / 2));
    if (count === 0) return { count, scored: nScored };
    const gap = told[t] < counts[t], shorts = [];
    const long = setting.long / count;
    let taken = 0;
    for (let p = told[t] - 1; taken < count; p--) {
      if (p < 0 || (gap && p < low[t])) throw new Refused("beyond");
      const i = sequence[row + p];
      if (left[i]) continue;
      target[i] += long;
      taken++;
    }
    taken = 0;
    for (let p = 0; taken < count; p++) {
      if (p >= told[t] || (gap && p >= low[t])) throw new Refused("beyond");
      const i = sequence[row + p];
      if (left[i]) continue;
      if (!book.filters || p < passing[t]) shorts.push(i);
      taken++;
    }
    if (book.builder === "long_only") return { count, scored: nScored };
    const divisor = book.short_sizing === "fill_leg" && book.builder !== "quintile_long_short" ? shorts.length : count;
    for (const i of shorts) target[i] -= setting.short / divisor;
    return { count, scored: nScored };
  }

  function limits(book, setting, count) {
    const names = Math.max(count, 1), short = book.builder === "long_only" ? 0 : setting.short;
    if (book.max_position !== null) return [book.max_position, book.max_position];
    return [Math.max(0.03, (1.5 * setting.long) / names), Math.max(0.03, (1.5 * short) / names)];
  }

  // Position limit, dust and cash buffer of one row.
  function finish(state, weights, row, [longest, shortest], book, m) {
    let net = 0;
    for (let i = 0; i < m; i++) {
      let weight = Math.min(Math.max(state[i], -shortest), longest);
      if (Math.abs(weight) < book.dust) weight = 0;
      weights[row + i] = weight;
      net += weight;
    }
    if (net > 1 - book.cash_buffer && net <= 1 + BUFFER_ROUNDING) {
      const scale = (1 - book.cash_buffer) / net;
      for (let i = 0; i < m; i++) weights[row + i] *= scale;
    }
  }

  // ---- the ledger: backtests/engine/kernel.py ----

  function blockSum(values, from, n) {
    let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
    const whole = n - (n % 8), end = from + whole;
    for (let i = from; i < end; i += 8) {
      a += values[i]; b += values[i + 1]; c += values[i + 2]; d += values[i + 3];
      e += values[i + 4]; f += values[i + 5]; g += values[i + 6]; h += values[i + 7];
    }
    let total = a + b + (c + d) + (e + f + (g + h));
    for (let i = end; i < from + n; i++) total += values[i];
    return total;
  }

  function pairwiseSum(values, from, n) {
    if (n <= BLOCK) return blockSum(values, from, n);
    const middle = Math.floor(n / 2), half = middle - (middle % 8);
    return pairwiseSum(values, from, half) + pairwiseSum(values, from + half, n - half);
  }

  function heldValue(held, known, row, m) {
    const { shares, value } = held;
    for (let i = 0; i < m; i++) value[i] = shares[i] === 0 ? 0 : shares[i] * known[row + i];
    return pairwiseSum(value, 0, m);
  }

  function termsOf(known, setting) {
    const { costs, capital } = known.header, may = costs.borrowing_bps !== null;
    const cash = costs.cash_bps / BPS, borrowing = (costs.borrowing_bps || 0) / BPS, rebate = costs.rebate_bps / BPS;
    const borrow = setting.borrow_bps / BPS;
    return {
      capital, trade: setting.trade_bps / BPS, impact: costs.impact_bps / BPS, root: costs.impact === "square_root",
      cash, borrowing, rebate, borrow, overnight: borrow > 0 || cash > 0 || borrowing > 0 || rebate > 0,
      maintenance: costs.maintenance_margin || 0, initial: costs.initial_margin || 0, may,
    };
  }

  // Row of the first due weights that hold anything, else of the first due at all; −1 for none.
  function firstDue({ m }, setting, { weights, rebalanced }) {
    let first = -1;
    for (let t = setting.first + setting.delay; t <= setting.last; t++) {
      if (!rebalanced[t - setting.delay]) continue;
      if (first < 0) first = t;
      const row = (t - setting.delay) * m;
      for (let i = 0; i < m; i++) if (weights[row + i] !== 0) return t;
    }
    return first;
  }

  function checkNet({ m }, setting, { weights, rebalanced }) {
    for (let t = setting.first; t <= setting.last; t++) {
      if (rebalanced[t] && pairwiseSum(weights, t * m, m) > 1 + NET_ROUNDING) throw new Refused("net");
    }
  }

  function overnight(held, known, terms, row, years, cash) {
    let short = 0, fee = 0;
    for (let i = 0; i < known.m; i++) {
      if (held.shares[i] < 0) {
        const value = -held.shares[i] * known.atClose[row - known.m + i];
        short += value;
        fee += value * terms.borrow;
      }
    }
    const free = cash - short;
    const earned = terms.rebate * short + (free > 0 ? terms.cash : terms.borrowing) * free;
    return [fee * years, -earned * years];
  }

  function payOut(held, known, leaving, row) {
    const { shares, value } = held;
    value.fill(0);
    for (const [i, back] of leaving) {
      if (shares[i] !== 0) value[i] = shares[i] * (known.atClose[row - known.m + i] * (1 + back));
      shares[i] = 0;
    }
    return pairwiseSum(value, 0, known.m);
  }

  function target(held, i, equity) {
    return held.pending[i] === held.pending[i] ? held.pending[i] : held.value[i] / equity;
  }

  function cut(held, equity, initial, m) {
    let wanted = 0;
    for (let i = 0; i < m; i++) wanted += Math.abs(target(held, i, equity));
    if (wanted * initial <= 1) return;
    for (let i = 0; i < m; i++) {
      if (held.shares[i] !== 0 || held.pending[i] === held.pending[i]) held.pending[i] = target(held, i, equity) / (wanted * initial);
    }
  }

  // Trade every order that has a price; return what is spent and leave notionals in ``value``.
  function trade(held, known, row, equity) {
    const { shares, pending, value } = held, { atFill, waits, m } = known;
    for (let i = 0; i < m; i++) {
      const order = pending[i], has = shares[i], isMissing = waits[row + i] === 1, price = atFill[row + i];
      let traded = 0;
      if (order === order && !isMissing) {
        const change = (order * equity) / price - has;
        if (change === change) traded = change;
        shares[i] = has + traded;
        pending[i] = NaN;
      } else if (!(isMissing && (order !== 0 || has !== 0))) {
        pending[i] = NaN;
      }
      value[i] = traded === 0 ? 0 : traded * price;
    }
    const spent = pairwiseSum(value, 0, m);
    for (let i = 0; i < m; i++) value[i] = Math.abs(value[i]);
    return spent;
  }

  function impactOf(held, known, terms, row) {
    const { value } = held;
    let total = 0;
    for (let i = 0; i < known.m; i++) {
      const volume = row < 0 ? NaN : known.volume[row + i];
      const share = volume > 0 ? value[i] / volume : 1;
      total += value[i] * terms.impact * (terms.root ? Math.sqrt(share) : share);
    }
    return total;
  }

  function grossOf(value, m) {
    let gross = 0;
    for (let i = 0; i < m; i++) gross += Math.abs(value[i]);
    return gross;
  }

  // Keep the books of weights that are decided; every line has one number a session, NaN before ``first``.
  function keepBooks(known, setting, decided) {
    const { n, m } = known, terms = termsOf(known, setting), start = firstDue(known, setting, decided);
    if (start < 0) throw new Refused("nothing");
    if (!terms.may) checkNet(known, setting, decided);
    const line = () => new Float64Array(n).fill(NaN);
    const books = { start, stop: -1, equity: line(), cash: line(), fillEquity: line(), cost: line(), traded: line() };
    const held = { shares: new Float64Array(m), pending: new Float64Array(m).fill(NaN), value: new Float64Array(m) };
    const insolvent = (equity) => terms.maintenance > 0 && equity <= 0;
    let cash = terms.capital, called = false;
    for (let t = setting.first; t <= setting.last; t++) {
      const row = t * m, leaving = known.payouts.get(t), decision = t - setting.delay;
      let borrow = 0, interest = 0, paid = 0, impact = 0, notional = 0;
      if (terms.overnight && t > start) {
        [borrow, interest] = overnight(held, known, terms, row, known.nights[t], cash);
        cash -= borrow + interest;
      }
      if (leaving && t > setting.first) cash += payOut(held, known, leaving, row);
      const atFill = cash + heldValue(held, known.atFill, row, m);
      let equity = atFill;
      if (!insolvent(equity)) {
        if (decision >= setting.first && decided.rebalanced[decision]) {
          held.pending.set(decided.weights.subarray(decision * m, decision * m + m));
        }
        if (called) cut(held, equity, terms.initial, m);
        if (leaving) for (const [i] of leaving) held.pending[i] = NaN;
        const spent = trade(held, known, row, atFill);
        notional = pairwiseSum(held.value, 0, m);
        paid = terms.trade * notional;
        cash = cash - spent - paid;
        if (terms.impact > 0) {
          impact = impactOf(held, known, terms, (t - Math.max(setting.delay, 1)) * m);
          cash -= impact;
        }
        equity = cash + heldValue(held, known.atClose, row, m);
      }
      if (terms.maintenance > 0) {
        const gross = grossOf(held.value, m);
        called = gross > 0 && equity / gross < terms.maintenance;
      }
      if (insolvent(equity)) {
        held.shares.fill(0);
        cash = equity;
      }
      books.equity[t] = equity; books.cash[t] = cash; books.fillEquity[t] = atFill;
      books.cost[t] = paid + impact + borrow + interest;
      books.traded[t] = notional / atFill;
      if (insolvent(equity)) { books.stop = t; break; }
      if (terms.maintenance === 0 && Math.min(equity, atFill) <= 0) throw new Refused("insolvent");
      if (!terms.may && cash < MIN_CASH * equity) throw new Refused("cash");
    }
    return books;
  }

  // ---- figures ----

  // Session by session from the first fill to the end or the stop, where the run was judged.
  function pathOf(known, setting, books) {
    const last = books.stop < 0 ? setting.last : books.stop, capital = known.header.capital;
    const path = { rows: [], net: [], cost: [], turnover: [] };
    for (let t = books.start; t <= last; t++) {
      if (!known.judged[t]) continue;
      const before = t === books.start ? capital : books.equity[t - 1];
      path.rows.push(t);
      path.net.push(books.equity[t] / before - 1);
      path.cost.push(books.cost[t] / before);
      path.turnover.push(books.traded[t] / 2);
    }
    return path;
  }

  const sumOf = (values) => pairwiseSum(values, 0, values.length);
  const meanOf = (values) => sumOf(values) / values.length;

  function momentsOf(net) {
    const n = net.length, mean = meanOf(net), apart = net.map((each) => each - mean);
    const square = sumOf(apart.map((each) => each * each)), deviation = Math.sqrt(square / (n - 1));
    if (n < LEAST_SESSIONS || deviation <= Math.max(1e-12 * Math.abs(mean), 1e-14)) {
      return { n, mean, deviation, ratio: NaN, skewness: NaN, kurtosis: NaN };
    }
    const scale = Math.sqrt(square / n), standard = apart.map((each) => each / scale);
    return {
      n, mean, deviation, ratio: mean / deviation,
      skewness: meanOf(standard.map((each) => each ** 3)), kurtosis: meanOf(standard.map((each) => each ** 4)),
    };
  }

  const ratioVariance = (ratio, law) => 1 - law.skewness * ratio + ((law.kurtosis - 1) / 4) * ratio ** 2;

  function sharpeConfidence(law, benchmark) {
    return normal(((law.ratio - benchmark) * Math.sqrt(Math.max(law.n - 1, 0))) / Math.sqrt(ratioVariance(law.ratio, law)));
  }

  function expectedMaximum(variance, count) {
    const first = quantile(1 - 1 / count), second = quantile(1 - 1 / (count * Math.E));
    return Math.sqrt(variance) * ((1 - EULER_GAMMA) * first + EULER_GAMMA * second);
  }

  // What a result is worth among trials of these annual Sharpe ratios, its own included; NaN counts and has no ratio.
  function standing(law, sharpes, year) {
    const finite = sharpes.filter(Number.isFinite), probabilistic = sharpeConfidence(law, 0);
    const found = { count: sharpes.length, probabilistic, expected: NaN, deflated: NaN, bar: CONFIDENCE };
    if (sharpes.length < FEW_TRIALS) {
      found.bar = 1 - (1 - CONFIDENCE) / sharpes.length;
    } else if (finite.length >= 2) {
      const mean = meanOf(finite), variance = sumOf(finite.map((each) => (each - mean) ** 2)) / (finite.length - 1);
      found.expected = expectedMaximum(variance, sharpes.length);
      found.deflated = sharpeConfidence(law, found.expected / Math.sqrt(year));
    }
    return found;
  }

  function drawdownsOf(net) {
    let wealth = 1, peak = 1;
    return net.map((each) => {
      wealth *= 1 + each;
      peak = Math.max(peak, wealth);
      const depth = wealth / peak - 1;
      return depth > -1e-12 ? 0 : depth;
    });
  }

  function figuresOf(known, path) {
    const year = known.header.year, law = momentsOf(path.net), sessions = path.net.length;
    const growth = path.net.reduce((product, each) => product * (1 + each), 1);
    const drawdowns = drawdownsOf(path.net);
    return {
      law, sessions, drawdowns,
      sharpe: Math.sqrt(year) * law.ratio,
      error: Math.sqrt((year * ratioVariance(law.ratio, law)) / Math.max(sessions, 1)),
      annual: sessions < LEAST_SESSIONS ? NaN : growth ** (year / sessions) - 1,
      drawdown: drawdowns.reduce((deepest, each) => Math.min(deepest, each), 0),
      turnover: meanOf(path.turnover) * year,
      cost: meanOf(path.cost) * year,
    };
  }

  // Standard normal distribution function: G. West, "Better approximations to cumulative normal functions", Wilmott,
  // 2005, after J. F. Hart et al., "Computer Approximations", 1968.
  function normal(x) {
    const size = Math.abs(x);
    if (Number.isNaN(x)) return NaN;
    let tail = 0;
    if (size <= 37) {
      const exponential = Math.exp((-size * size) / 2);
      if (size < 7.07106781186547) {
        const above = [3.52624965998911e-2, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931, 220.206867912376];
        const below = [8.83883476483184e-2, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752];
        tail = (exponential * polynomial(above, size)) / polynomial(below, size);
      } else {
        tail = exponential / (size + 1 / (size + 2 / (size + 3 / (size + 4 / (size + 0.65))))) / 2.506628274631;
      }
    }
    return x > 0 ? 1 - tail : tail;
  }

  function polynomial(coefficients, x) {
    return coefficients.reduce((value, coefficient) => value * x + coefficient, 0);
  }

  // Its inverse: M. J. Wichura, "Algorithm AS 241", Applied Statistics, 1988 (PPND16).
  function quantile(p) {
    const q = p - 0.5;
    if (Math.abs(q) <= 0.425) {
      const r = 0.180625 - q * q;
      return (q * polynomial([2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608], r)) /
        polynomial([5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1], r);
    }
    const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
    const value = r <= 5
      ? polynomial([7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734], r - 1.6) /
        polynomial([1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1], r - 1.6)
      : polynomial([2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772], r - 5) /
        polynomial([2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1], r - 5);
    return q < 0 ? -value : value;
  }

  return { Refused, unpack, decide, keepBooks, pathOf, figuresOf, standing, expectedMaximum, normal, quantile, drawdownsOf };
})();
