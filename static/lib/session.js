// Who is signed in. A session is a cookie; an admin token, where someone signs in with one, lives as long as the tab.
import { computed, signal } from '@preact/signals';
import { stored } from './stored.js';

/** `{id, name, role}`, or null before anyone has signed in. */
export const user = signal(null);
/** What guards writes of a session. */
export const csrf = signal(null);
/** The admin token, if that is how someone signed in. */
export const token = stored('token', null, () => sessionStorage);
/** Whether this browser may hold a session: the cookie itself cannot be seen. */
export const hasSession = stored('session', false);
/** Whether somebody has signed in with this browser, as far as it knows. */
export const maybeSignedIn = () => Boolean(token.peek() || hasSession.peek());
/** Whether whoever came by a link has to set a password. */
export const passwordNeeded = signal(false);
/** Whether the sign-in form lies over the page. */
export const signInNeeded = signal(false);

const RANKS = ['viewer', 'operator', 'owner'];

/** Whether the signed-in person may do what needs this role. */
export const may = (role) => RANKS.indexOf(user.value?.role ?? 'viewer') >= RANKS.indexOf(role);
export const mayOperate = computed(() => may('operator'));
export const mayOwn = computed(() => may('owner'));

let waiting = [];

/** Asks for a sign-in over whatever is on the page, and waits for it. */
export function demandSignIn() {
  signInNeeded.value = true;
  return new Promise((resolve) => waiting.push(resolve));
}

/** Somebody has signed in: whatever waited goes on. */
export function signedIn(session) {
  user.value = session.user;
  csrf.value = session.csrf ?? null;
  hasSession.value = !token.peek();
  passwordNeeded.value = Boolean(session.sets_password);
  signInNeeded.value = false;
  const released = waiting;
  waiting = [];
  released.forEach((resolve) => resolve());
}

export function signedOut() {
  user.value = null;
  csrf.value = null;
  hasSession.value = false;
  token.value = null;
  signInNeeded.value = true;
}
