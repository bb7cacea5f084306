// What every component needs: Preact, its hooks, signals, and htm's `html` bound to them.
import { Component, h } from 'preact';
import htm from 'htm';

/**
 * htm would keep elements without holes and give out the same ones again. Preact ties an element to the tree in which it was first
 * drawn, so each of them would hold on to that tree and all that came after it: the 3 says that nothing is to be kept.
 */
function create(...parts) {
  this[0] = 3;
  return h(...parts);
}

export const html = htm.bind(create);
export { Component, Fragment, createContext, h, render, toChildArray } from 'preact';
export { useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from '@preact/signals';

/** Joins class names, leaving out what is false. */
export const classes = (...names) => names.filter(Boolean).join(' ');

/** A component that is drawn again only when a property changes, or a signal that it read. */
export const memo = (draw) => class extends Component {
  shouldComponentUpdate(next, state) {
    const names = new Set([...Object.keys(next), ...Object.keys(this.props)]);
    // A signal that changed gives the component another state.
    return state !== this.state || [...names].some((name) => next[name] !== this.props[name]);
  }

  render(props) {
    return draw(props);
  }
};
